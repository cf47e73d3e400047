import { Button, Code, Group, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { checkpointDelete, checkpointsQuery, jobEnded } from "@/api/training";
import type { Checkpoint, Job } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { ErrorBox } from "@/ui/ErrorBox";
import { LinkButton } from "@/ui/links";
import { Panel } from "@/ui/Panel";

const MEGABYTE = 1e6;

/** What an ended job still keeps: another may begin with it, and it counts as stored. */
export const Checkpoints = ({ job }: { job: Job }) =>
  jobEnded(job.status) ? <Kept job={job} /> : null;

const Kept = ({ job }: { job: Job }) => {
  const { t } = useTranslation("training");
  const format = useFormat();
  const org = useOrg();
  const allowed = useCan("train");
  const client = useQueryClient();
  const query = checkpointsQuery(org, job.id);
  const { data } = useQuery(query);
  const destroy = useMutation({
    mutationFn: (checkpoint: Checkpoint) => checkpointDelete(org, checkpoint),
    onSuccess: () => client.invalidateQueries({ queryKey: query.queryKey }),
  });
  const rows = data?.data ?? [];
  if (rows.length === 0) return null;
  const columns: Column<Checkpoint>[] = [
    {
      key: "step",
      title: t("checkpoints.step"),
      numeric: true,
      cell: (row) => format.number(row.step_number),
    },
    { key: "id", title: t("checkpoints.id"), cell: (row) => <Code>{row.id}</Code> },
    {
      key: "size",
      title: t("checkpoints.size"),
      numeric: true,
      cell: (row) => format.number((row.bytes / MEGABYTE).toFixed(1)),
    },
    {
      key: "act",
      title: "",
      cell: (row) => (
        <Group gap="xs" justify="flex-end">
          {row.continuable ? (
            <LinkButton
              size="xs"
              variant="default"
              to="/o/$org/training/new"
              params={{ org: org.slug }}
              search={{ job: job.id, checkpoint: row.id }}
              aria-label={t("checkpoints.continueOne", { step: format.number(row.step_number) })}
            >
              {t("checkpoints.continue")}
            </LinkButton>
          ) : null}
          <Button
            size="xs"
            variant="default"
            loading={destroy.isPending && destroy.variables.id === row.id}
            onClick={() => destroy.mutate(row)}
            aria-label={t("checkpoints.deleteOne", { step: format.number(row.step_number) })}
          >
            {t("checkpoints.delete")}
          </Button>
        </Group>
      ),
    },
  ];
  return (
    <Panel title={t("checkpoints.title")}>
      <Text size="sm" c="dimmed" mb="sm">
        {t("checkpoints.lead")}
      </Text>
      <DataTable
        caption={t("checkpoints.title")}
        columns={columns.filter(({ key }) => allowed || key !== "act")}
        rows={rows}
        rowKey={(row) => row.id}
      />
      <ErrorBox error={destroy.error} />
    </Panel>
  );
};
