import { Button, Checkbox, Group, Radio, Select, Stack, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { datasetsQuery } from "@/api/datasets";
import { deploymentsQuery } from "@/api/deployments";
import {
  type ContractAcceptance,
  contractAccept,
  contractQuoteQuery,
  policiesQuery,
} from "@/api/outcomes";
import { useFormat } from "@/lib/useFormat";
import { useNamed } from "@/lib/useNamed";
import { useOnce } from "@/lib/useOnce";
import { useCan, useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { BillingFrame } from "../BillingFrame";
import type { ContractDraft, ContractQuote, OutcomePolicy } from "../payments.types";
import { Terms } from "./Terms";

type Subject = { value: string; label: string };

/** What a contract can be about: ready datasets to train on, or deployments that answer. */
const useSubjects = (policy: OutcomePolicy | undefined): Subject[] => {
  const org = useOrg();
  const ofJobs = policy?.terms.kind === "success_fee";
  const datasets = useQuery({ ...datasetsQuery(org), enabled: ofJobs });
  const deployments = useQuery({ ...deploymentsQuery(org), enabled: policy !== undefined });
  const ready = (datasets.data?.data ?? []).filter(({ status }) => status === "ready");
  const found = ofJobs ? ready : (deployments.data?.data ?? []);
  return found.map(({ id, name }) => ({ value: id, label: name }));
};

const draftOf = (policy: OutcomePolicy, subject: string): ContractDraft => ({
  policy: policy.code,
  ...(policy.terms.kind === "success_fee" ? { dataset: subject } : { deployment: subject }),
});

type AgreeProps = { draft: ContractDraft; quote: ContractQuote; subject: string };

/** The whole contract, to be read before it is accepted. */
const Agree = ({ draft, quote, subject }: AgreeProps) => {
  const { t } = useTranslation("contracts");
  const org = useOrg();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [read, setRead] = useState(false);
  const accept = useOnce({
    mutationFn: (body: ContractAcceptance) => contractAccept(org, body),
    onSuccess: async ({ id }) => {
      await client.invalidateQueries({ queryKey: [org.id, "outcome-contracts"] });
      await navigate({
        to: "/o/$org/billing/outcomes/$contractId",
        params: { org: org.slug, contractId: id },
      });
    },
  });
  return (
    <Panel title={t("new.terms")}>
      <Stack>
        <Terms terms={quote.terms} subject={subject} />
        <Checkbox
          label={t("new.agree")}
          checked={read}
          onChange={(event) => setRead(event.currentTarget.checked)}
        />
        <ErrorBox error={accept.error} />
        <Group>
          <Button
            disabled={!read}
            loading={accept.isPending}
            onClick={() => accept.mutate({ ...draft, terms_hash: quote.terms_hash })}
          >
            {t("new.accept")}
          </Button>
        </Group>
      </Stack>
    </Panel>
  );
};

type OfferProps = {
  policies: readonly OutcomePolicy[];
  chosen: OutcomePolicy | undefined;
  onChoose: (code: string) => void;
};

const Offers = ({ policies, chosen, onChoose }: OfferProps) => {
  const { t } = useTranslation("contracts");
  const format = useFormat();
  const named = useNamed();
  return (
    <Radio.Group label={t("new.policy")} value={chosen?.code ?? null} onChange={onChoose}>
      <Stack mt="xs" gap="sm">
        {policies.map((policy) => (
          <Radio
            key={policy.code}
            value={policy.code}
            label={`${named(policy.name)}, ${format.money(policy.terms.price, policy.terms.currency)}`}
            description={t(`kinds.${policy.terms.kind}.text`)}
          />
        ))}
      </Stack>
    </Radio.Group>
  );
};

const Choice = ({ policies }: { policies: readonly OutcomePolicy[] }) => {
  const { t } = useTranslation("contracts");
  const org = useOrg();
  const search = useSearch({ from: "/o/$org" });
  const [code, setCode] = useState(policies[0]?.code);
  const [subject, setSubject] = useState<string | null>(
    search.deployment ?? search.dataset ?? null,
  );
  const policy = policies.find((one) => one.code === code);
  const subjects = useSubjects(policy);
  const named = subjects.find(({ value }) => value === subject);
  const draft = policy && named ? draftOf(policy, named.value) : undefined;
  const quote = useQuery(contractQuoteQuery(org, draft));
  if (!policy) return <Text c="dimmed">{t("new.none")}</Text>;
  return (
    <Stack gap="lg">
      <Panel>
        <Stack>
          <Offers
            policies={policies}
            chosen={policy}
            onChoose={(value) => {
              setCode(value);
              setSubject(null);
            }}
          />
          <Select
            label={t(`kinds.${policy.terms.kind}.subject`)}
            data={subjects}
            value={named?.value ?? null}
            onChange={setSubject}
            searchable
            nothingFoundMessage={t("new.nothing")}
            maw={420}
          />
        </Stack>
      </Panel>
      {draft && named ? (
        <QueryView query={quote}>
          {(data) => (
            <Agree key={data.terms_hash} draft={draft} quote={data} subject={named.label} />
          )}
        </QueryView>
      ) : null}
    </Stack>
  );
};

/** From an offer to an accepted contract. */
export const NewContractPage = () => {
  const { t } = useTranslation("contracts");
  const policies = useQuery({ ...policiesQuery(useOrg()), enabled: useCan("money") });
  return (
    <BillingFrame title={t("new.title")} lead={t("new.lead")}>
      <QueryView query={policies}>{({ data }) => <Choice policies={data} />}</QueryView>
    </BillingFrame>
  );
};
