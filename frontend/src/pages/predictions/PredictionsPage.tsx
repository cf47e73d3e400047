import { Button, Group, Stack, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { deploymentQuery } from "@/api/deployments";
import { type LogFilters, type LogForm, predictionsFile } from "@/api/predictions";
import type { Deployment } from "@/api/types";
import { blobSave } from "@/lib/csv";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { LinkAnchor } from "@/ui/links";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { LogFilter } from "./LogFilter";
import { LogRows } from "./LogRows";

const FILE_ROWS = 20_000;

const Files = ({ row, filters }: { row: Deployment; filters: LogFilters }) => {
  const { t } = useTranslation("predictions");
  const format = useFormat();
  const org = useOrg();
  const file = useMutation({
    mutationFn: (form: LogForm) => predictionsFile(org, row.id, form, filters),
    onSuccess: ({ blob }, form) => blobSave(`${row.name}-predictions.${form}`, blob),
  });
  return (
    <Stack gap="xs">
      <Group gap="sm">
        {(["jsonl", "csv"] as const).map((form) => (
          <Button
            key={form}
            variant="default"
            loading={file.isPending && file.variables === form}
            onClick={() => file.mutate(form)}
          >
            {t(form)}
          </Button>
        ))}
      </Group>
      <ErrorBox error={file.error} />
      {file.data?.whole === false ? (
        <Text size="sm">{t("more", { rows: format.number(FILE_ROWS) })}</Text>
      ) : null}
    </Stack>
  );
};

const View = ({ row }: { row: Deployment }) => {
  const { t } = useTranslation("predictions");
  const org = useOrg();
  const [filters, setFilters] = useState<LogFilters>({});
  return (
    <>
      <PageHeader
        title={t("title")}
        action={<Files row={row} filters={filters} />}
        above={
          <LinkAnchor
            to="/o/$org/deployments/$deploymentId"
            params={{ org: org.slug, deploymentId: row.id }}
            size="sm"
          >
            {row.name}
          </LinkAnchor>
        }
      />
      <Stack gap="lg">
        <LogFilter onChange={setFilters} />
        <Panel>
          <LogRows key={JSON.stringify(filters)} deployment={row.id} filters={filters} />
        </Panel>
      </Stack>
    </>
  );
};

/** The rows of a deployment's prediction log. */
export const PredictionsPage = () => {
  const { deploymentId = "" } = useParams({ strict: false });
  const deployment = useQuery(deploymentQuery(useOrg(), deploymentId));
  return <QueryView query={deployment}>{(row) => <View row={row} />}</QueryView>;
};
