import { Button, Group, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { batchCancel, batchEnded, batchQuery, fileDownload, useBatchStream } from "@/api/batches";
import type { Batch } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { ErrorBox } from "@/ui/ErrorBox";
import { LevelBar } from "@/ui/LevelBar";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { Stats } from "@/ui/Stat";
import { StatusBadge } from "@/ui/StatusBadge";

const Cancel = ({ batch }: { batch: Batch }) => {
  const { t } = useTranslation("batches");
  const org = useOrg();
  const client = useQueryClient();
  const [opened, dialog] = useDisclosure(false);
  const cancel = useMutation({
    mutationFn: () => batchCancel(org, batch.id),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: [org.id, "batches"] });
      dialog.close();
    },
  });
  return (
    <>
      <Button variant="default" onClick={dialog.open}>
        {t("page.cancel")}
      </Button>
      <ConfirmDialog
        opened={opened}
        onClose={dialog.close}
        onConfirm={() => cancel.mutate()}
        title={t("page.cancelTitle")}
        text={t("page.cancelText")}
        confirm={t("page.cancel")}
        busy={cancel.isPending}
        error={cancel.error}
      />
    </>
  );
};

type FileProps = { id: string; label: string; main?: boolean };

const FileLink = ({ id, label, main = false }: FileProps) => {
  const org = useOrg();
  const download = useMutation({
    mutationFn: () => fileDownload(org, id),
    onSuccess: ({ name, blob }) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = name;
      link.click();
      URL.revokeObjectURL(link.href);
    },
  });
  return (
    <>
      <Button
        variant={main ? "filled" : "default"}
        loading={download.isPending}
        onClick={() => download.mutate()}
      >
        {label}
      </Button>
      <ErrorBox error={download.error} />
    </>
  );
};

const Files = ({ batch }: { batch: Batch }) => {
  const { t } = useTranslation("batches");
  const { output_file_id: output, error_file_id: errors } = batch;
  const ended = batchEnded(batch);
  const word = !ended ? "waiting" : output || errors ? "partial" : "none";
  return (
    <Panel title={t("page.files")}>
      <Stack gap="sm">
        {batch.status === "completed" ? null : (
          <Text size="sm" c="dimmed">
            {t(`page.${word}`)}
          </Text>
        )}
        {output || errors ? (
          <Group>
            {output ? <FileLink id={output} label={t("page.output")} main /> : null}
            {errors ? <FileLink id={errors} label={t("page.errors")} /> : null}
          </Group>
        ) : null}
      </Stack>
    </Panel>
  );
};

const Facts = ({ batch }: { batch: Batch }) => {
  const { t } = useTranslation("batches");
  const format = useFormat();
  const { total, completed, failed } = batch.request_counts;
  const share = total > 0 ? (completed + failed) / total : 0;
  return (
    <Stack gap="lg">
      <Panel title={t("page.progress")}>
        <Stack gap="md" aria-live="polite">
          <LevelBar share={share} label={t("page.progress")} />
          <Stats
            items={[
              {
                label: t("page.answered"),
                value: format.number(completed),
                hint: t("page.of", {
                  done: format.number(completed + failed),
                  total: format.number(total),
                }),
              },
              { label: t("page.bad"), value: format.number(failed) },
              { label: t("page.charged"), value: format.number(batch.charged) },
              { label: t("page.model"), value: batch.model ?? "…" },
            ]}
          />
        </Stack>
      </Panel>
      {batch.errors ? (
        <Panel title={t("page.why")}>
          {batch.errors.data.map((error) => (
            <Text key={error.code}>{error.message}</Text>
          ))}
        </Panel>
      ) : null}
      <Files batch={batch} />
    </Stack>
  );
};

/** How far it is, live, and what it leaves. */
export const BatchPage = () => {
  const { t } = useTranslation("batches");
  const org = useOrg();
  const { batchId } = useParams({ from: "/o/$org/batches/$batchId" });
  const batch = useQuery(batchQuery(org, batchId));
  const allowed = useCan("upload");
  const open = batch.data !== undefined && !batchEnded(batch.data);
  useBatchStream(org, batchId, open);
  return (
    <QueryView query={batch}>
      {(found) => (
        <>
          <PageHeader
            title={found.metadata.name ?? t("columns.batch")}
            lead={<StatusBadge status={found.status} label={t(`status.${found.status}`)} />}
            action={
              allowed && (found.status === "validating" || found.status === "in_progress") ? (
                <Cancel batch={found} />
              ) : null
            }
          />
          <Facts batch={found} />
        </>
      )}
    </QueryView>
  );
};
