import { Button, Checkbox, Group, Radio, Select, Stack, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { isApiError } from "@/api/errors";
import type { ContractDraft } from "@/api/outcomes";
import {
  type ContractAcceptance,
  contractAccept,
  contractQuoteQuery,
  policiesQuery,
} from "@/api/outcomes";
import type { ContractQuote, OutcomePolicy } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useNamed } from "@/lib/useNamed";
import { useOnce } from "@/lib/useOnce";
import { useCan, useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { BillingFrame } from "../BillingFrame";
import { Terms } from "./Terms";
import { useSubjects } from "./useSubjects";

type AgreeProps = { draft: ContractDraft; quote: ContractQuote };

/** The terms on the page are no longer those on offer. */
const isOutdated = (error: unknown): boolean =>
  isApiError(error) && error.code === "outcome_terms_changed";

/** The whole contract, to be read before it is accepted. */
const Agree = ({ draft, quote }: AgreeProps) => {
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
  const readAgain = () =>
    client.invalidateQueries({ queryKey: contractQuoteQuery(org, draft).queryKey });
  return (
    <Panel title={t("new.terms")}>
      <Stack>
        <Terms terms={quote.terms} />
        <Checkbox
          label={t("new.agree")}
          checked={read}
          onChange={(event) => setRead(event.currentTarget.checked)}
        />
        <ErrorBox error={accept.error} onRetry={isOutdated(accept.error) ? readAgain : undefined} />
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
  chosen: OutcomePolicy;
  onChoose: (code: string) => void;
};

const Offers = ({ policies, chosen, onChoose }: OfferProps) => {
  const { t } = useTranslation("contracts");
  const format = useFormat();
  const named = useNamed();
  return (
    <Radio.Group label={t("new.policy")} value={chosen.code} onChange={onChoose}>
      <Stack mt="xs" gap="sm">
        {policies.map((policy) => (
          <Radio
            key={policy.code}
            value={policy.code}
            label={t("new.offer", {
              name: named(policy.name),
              price: format.money(policy.price, policy.currency),
            })}
            description={t(`kinds.${policy.kind}.text`)}
          />
        ))}
      </Stack>
    </Radio.Group>
  );
};

const Choice = ({ policies }: { policies: readonly OutcomePolicy[] }) => {
  const { t } = useTranslation("contracts");
  const search = useSearch({ from: "/o/$org" });
  const [code, setCode] = useState(policies[0]?.code);
  const [wanted, setWanted] = useState(search.deployment ?? search.dataset ?? null);
  const policy = policies.find((one) => one.code === code);
  const subjects = useSubjects(policy?.kind);
  const subject = subjects.find(({ value, of }) => value === wanted || of === wanted)?.value;
  const draft = policy && subject ? { policy: policy.code, subject } : undefined;
  const quote = useQuery(contractQuoteQuery(useOrg(), draft));
  if (!policy) return <Text c="dimmed">{t("new.none")}</Text>;
  return (
    <Stack gap="lg">
      <Panel>
        <Stack>
          <Offers policies={policies} chosen={policy} onChoose={setCode} />
          <Select
            label={t(`kinds.${policy.kind}.subject`)}
            data={subjects.map(({ value, label }) => ({ value, label }))}
            value={subject ?? null}
            onChange={setWanted}
            searchable
            nothingFoundMessage={t("new.nothing")}
            maw={420}
          />
        </Stack>
      </Panel>
      {draft ? (
        <QueryView query={quote}>
          {(data) => <Agree key={data.terms_hash} draft={draft} quote={data} />}
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
