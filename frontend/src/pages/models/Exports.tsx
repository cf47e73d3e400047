import { Button, Group, Progress, Select, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { exportCreate, exportDelete, exportDownload, exportsQuery } from "@/api/exports";
import type { ExportFormat, Model, ModelExport } from "@/api/types";
import { useFigure } from "@/lib/useFigure";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { useCan, useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { ErrorBox } from "@/ui/ErrorBox";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { StatusBadge } from "@/ui/StatusBadge";

const MEGABYTE = 1e6;
const WHOLE = 100;
const State = ({ made }: { made: ModelExport }) => {
  const { t } = useTranslation("models");
  const format = useFormat();
  const figure = useFigure();
  const known = useKnown("models");
  const split = useKnown("datasets");
  const { quality, error } = made;
  const reason = error && known("exports.failures", error.code);
  return (
    <Stack gap={4}>
      <StatusBadge status={made.status} />
      {made.status === "running" ? (
        <Progress value={made.progress * WHOLE} aria-label={t(`exports.formats.${made.format}`)} />
      ) : null}
      {reason ? <Text size="sm">{reason}</Text> : null}
      {error ? (
        <Text size="sm" {...(reason ? { c: "dimmed" } : {})}>
          {error.message}
        </Text>
      ) : null}
      {quality ? (
        <Text size="sm" c="dimmed">
          {t("exports.quality", {
            metric: figure.name(quality.metric),
            small: figure.text(quality.metric, quality.score_int8),
            full: figure.text(quality.metric, quality.score),
            rows: format.number(quality.rows),
            split: split("splits", quality.split) ?? quality.split,
          })}
        </Text>
      ) : null}
    </Stack>
  );
};

const Actions = ({ made }: { made: ModelExport }) => {
  const { t } = useTranslation("models");
  const org = useOrg();
  const client = useQueryClient();
  const download = useMutation({
    mutationFn: () => exportDownload(org, made),
    onSuccess: (blob) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${made.model.replaceAll(":", "-")}-${made.format}.zip`;
      link.click();
      URL.revokeObjectURL(link.href);
    },
  });
  const destroy = useMutation({
    mutationFn: () => exportDelete(org, made),
    onSuccess: () => client.invalidateQueries({ queryKey: [org.id, "models", made.model] }),
  });
  return (
    <Stack gap="xs">
      <Group gap="xs" justify="flex-end" wrap="nowrap">
        {made.status === "ready" ? (
          <Button size="xs" loading={download.isPending} onClick={() => download.mutate()}>
            {t("exports.download")}
          </Button>
        ) : null}
        {made.status === "running" ? null : (
          <Button
            size="xs"
            variant="default"
            loading={destroy.isPending}
            onClick={() => destroy.mutate()}
          >
            {t("exports.delete")}
          </Button>
        )}
      </Group>
      <ErrorBox error={download.error ?? destroy.error} />
    </Stack>
  );
};

const Ask = ({ model }: { model: Model }) => {
  const { t } = useTranslation("models");
  const org = useOrg();
  const client = useQueryClient();
  const [format, setFormat] = useState<ExportFormat>("huggingface");
  const ask = useMutation({
    mutationFn: () => exportCreate(org, model.id, format),
    onSuccess: () => client.invalidateQueries({ queryKey: [org.id, "models", model.id] }),
  });
  return (
    <>
      <Group align="flex-end" gap="sm">
        <Select
          label={t("exports.format")}
          data={(model.export_formats ?? []).map((value) => ({
            value,
            label: t(`exports.formats.${value}`),
          }))}
          value={format}
          allowDeselect={false}
          onChange={(value) => value && setFormat(value as ExportFormat)}
        />
        <Button loading={ask.isPending} onClick={() => ask.mutate()}>
          {t("exports.start")}
        </Button>
      </Group>
      <Text size="sm" c="dimmed">
        {t(`exports.about.${format}`)}
      </Text>
      <ErrorBox error={ask.error} />
    </>
  );
};

/** Ask for a form, watch it being made, take it away. */
export const Exports = ({ model }: { model: Model }) => {
  const { t } = useTranslation("models");
  const format = useFormat();
  const org = useOrg();
  const allowed = useCan("train");
  const made = useQuery(exportsQuery(org, model.id));
  const columns: Column<ModelExport>[] = [
    {
      key: "format",
      title: t("exports.format"),
      cell: (row) => t(`exports.formats.${row.format}`),
    },
    { key: "status", title: t("exports.status"), cell: (row) => <State made={row} /> },
    {
      key: "size",
      title: "",
      numeric: true,
      wide: true,
      cell: (row) =>
        row.bytes > 0
          ? t("exports.size", { size: format.number(Math.ceil(row.bytes / MEGABYTE)) })
          : "",
    },
    { key: "actions", title: "", cell: (row) => (allowed ? <Actions made={row} /> : null) },
  ];
  return (
    <Panel title={t("exports.title")}>
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          {t("exports.help")}
        </Text>
        {allowed ? <Ask model={model} /> : null}
        <QueryView query={made}>
          {(rows) =>
            rows.length === 0 ? (
              <Text size="sm">{t("exports.none")}</Text>
            ) : (
              <DataTable
                caption={t("exports.title")}
                columns={columns}
                rows={rows}
                rowKey={(row) => row.id}
              />
            )
          }
        </QueryView>
      </Stack>
    </Panel>
  );
};
