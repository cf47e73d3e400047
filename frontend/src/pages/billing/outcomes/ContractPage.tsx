import { Button, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { contractEnd, contractQuery } from "@/api/outcomes";
import type { Contract } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useNamed } from "@/lib/useNamed";
import { useCan, useOrg } from "@/lib/useOrg";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { CopyField } from "@/ui/CopyField";
import { LinkButton } from "@/ui/links";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { Stats } from "@/ui/Stat";
import { BillingFrame } from "../BillingFrame";
import { ContractStatus } from "./ContractStatus";
import { OutcomesPanel } from "./OutcomesPanel";
import { Terms } from "./Terms";
import { useSubjectName } from "./useSubjects";

/** Nothing new is under the contract after; what is pending still settles by it. */
const End = ({ contract }: { contract: Contract }) => {
  const { t } = useTranslation("contracts");
  const org = useOrg();
  const client = useQueryClient();
  const [opened, dialog] = useDisclosure(false);
  const end = useMutation({
    mutationFn: () => contractEnd(org, contract.id),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: [org.id, "outcome-contracts"] });
      dialog.close();
    },
  });
  if (contract.ended_at !== null) return null;
  return (
    <>
      <Button variant="default" size="xs" onClick={dialog.open}>
        {t("end.open")}
      </Button>
      <ConfirmDialog
        opened={opened}
        onClose={dialog.close}
        onConfirm={() => end.mutate()}
        title={t("end.title")}
        text={t("end.text")}
        confirm={t("end.confirm")}
        busy={end.isPending}
        error={end.error}
      />
    </>
  );
};

/** A success fee needs a job; predictions come by themselves. */
const Train = ({ contract }: { contract: Contract }) => {
  const { t } = useTranslation("contracts");
  const org = useOrg();
  const allowed = useCan("train");
  if (!allowed || contract.kind !== "success_fee" || contract.state === "ended") return null;
  return (
    <div>
      <LinkButton
        to="/o/$org/training/new"
        params={{ org: org.slug }}
        search={{ contract: contract.id }}
      >
        {t("train")}
      </LinkButton>
    </div>
  );
};

const View = ({ contract }: { contract: Contract }) => {
  const { t } = useTranslation("contracts");
  const format = useFormat();
  const named = useNamed();
  const subjectName = useSubjectName();
  const { ended_at: ended } = contract;
  return (
    <Stack gap="lg">
      <Panel title={named(contract.terms.name)} aside={<End contract={contract} />}>
        <Stack gap="lg">
          <Stats
            items={[
              {
                label: t("columns.status"),
                value: <ContractStatus contract={contract} />,
                hint: ended ? format.date(ended) : undefined,
              },
              { label: t("columns.subject"), value: subjectName(contract.subject) },
              {
                label: t("columns.accepted"),
                value: format.date(contract.accepted_at),
                hint: contract.accepted_by,
              },
            ]}
          />
          <Terms terms={contract.terms} />
          <Train contract={contract} />
          <div>
            <Text size="sm" c="dimmed">
              {t("fingerprint")}
            </Text>
            <CopyField value={contract.terms_hash} label={t("hash")} />
          </div>
        </Stack>
      </Panel>
      <OutcomesPanel contract={contract.id} />
    </Stack>
  );
};

/** One contract as it was accepted, and what came of it. */
export const ContractPage = () => {
  const { t } = useTranslation("contracts");
  const { contractId = "" } = useParams({ strict: false });
  const contract = useQuery({ ...contractQuery(useOrg(), contractId), enabled: useCan("money") });
  return (
    <BillingFrame title={t("one")}>
      <QueryView query={contract}>{(data) => <View contract={data} />}</QueryView>
    </BillingFrame>
  );
};
