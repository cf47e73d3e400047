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
import { RowText } from "@/ui/RowText";
import { useLossColumn } from "./useLossColumn";

type End = "worst" | "best";

/** Answers about tokens are spans of a text: a row then has a loss alone. */
const useColumns = (rows: readonly RowSample[]): Column<RowSample>[] => {
  const { t } = useTranslation("training");
  const format = useFormat();
  const loss = useLossColumn<RowSample>();
  const isAnswered = rows.some(({ label }) => label !== null);
  const answers: Column<RowSample>[] = [
    { key: "label", title: t("samples.label"), cell: (row) => row.label },
    { key: "predicted", title: t("samples.predicted"), cell: (row) => row.predicted },
  ];
  return [
    {
      key: "row",
      title: t("samples.row"),
      numeric: true,
      wide: true,
      cell: (row) => format.number(row.row),
    },
    {
      key: "text",
      title: t("samples.text"),
      cell: (row) => <RowText>{row.text ?? `#${row.row}`}</RowText>,
    },
    ...(isAnswered ? answers : []),
    { ...loss, wide: isAnswered },
  ];
};

type Props = { job: string; metrics: readonly Record<string, unknown>[] };

/** What the model in training gets most wrong and most right, as of its last evaluation. */
export const RowSamples = ({ job, metrics }: Props) => {
  const step = metrics.findLast((data) => data.samples !== undefined)?.step;
  return typeof step === "number" ? <LastSamples job={job} step={step} /> : null;
};

const Rows = ({ caption, rows }: { caption: string; rows: readonly RowSample[] }) => (
  <DataTable
    caption={caption}
    columns={useColumns(rows)}
    rows={rows}
    rowKey={(row) => String(row.row)}
  />
);

const LastSamples = ({ job, step }: { job: string; step: number }) => {
  const { t } = useTranslation("training");
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
            <Rows caption={t(`samples.${end}`)} rows={page.data[0]?.[end] ?? []} />
          </>
        )}
      </QueryView>
    </Panel>
  );
};
