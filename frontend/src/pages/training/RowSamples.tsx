import { SegmentedControl, Text } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { jobSamplesQuery } from "@/api/training";
import type { RowSample } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";

const LOSS_DIGITS = 4;

type End = "worst" | "best";

const useColumns = (): Column<RowSample>[] => {
  const { t } = useTranslation("training");
  const format = useFormat();
  return [
    { key: "row", title: t("samples.row"), numeric: true, cell: (row) => format.number(row.row) },
    { key: "text", title: t("samples.text"), cell: (row) => row.text ?? "–" },
    { key: "label", title: t("samples.label"), cell: (row) => row.label ?? "–" },
    { key: "predicted", title: t("samples.predicted"), cell: (row) => row.predicted ?? "–" },
    {
      key: "loss",
      title: t("samples.loss"),
      numeric: true,
      wide: true,
      cell: (row) => row.loss.toFixed(LOSS_DIGITS),
    },
  ];
};

type Props = { job: string; metrics: readonly Record<string, unknown>[] };

/** What the model in training gets most wrong and most right, as of its last evaluation. */
export const RowSamples = ({ job, metrics }: Props) => {
  const step = metrics.findLast((data) => data.samples !== undefined)?.step;
  return typeof step === "number" ? <LastSamples job={job} step={step} /> : null;
};

const LastSamples = ({ job, step }: { job: string; step: number }) => {
  const { t } = useTranslation("training");
  const columns = useColumns();
  const format = useFormat();
  const [end, setEnd] = useState<End>("worst");
  const samples = useQuery({
    ...jobSamplesQuery(useOrg(), job, step),
    placeholderData: keepPreviousData,
  });
  return (
    <Panel
      title={t("samples.title")}
      aside={
        <SegmentedControl
          aria-label={t("samples.title")}
          data={[
            { value: "worst", label: t("samples.worst") },
            { value: "best", label: t("samples.best") },
          ]}
          value={end}
          onChange={(value) => setEnd(value as End)}
        />
      }
    >
      <QueryView query={samples}>
        {(page) => (
          <>
            <Text size="sm" c="dimmed" mb="sm">
              {t("samples.lead", { step: format.number(page.data[0]?.step ?? step) })}
            </Text>
            <DataTable
              caption={t(`samples.${end}`)}
              columns={columns}
              rows={page.data[0]?.[end] ?? []}
              rowKey={(row) => String(row.row)}
            />
          </>
        )}
      </QueryView>
    </Panel>
  );
};
