import { Text } from "@mantine/core";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Search, Trial } from "@/api/types";
import { bestSoFar } from "@/lib/search";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { type Column, DataTable } from "@/ui/DataTable";
import { LiveChart, type Series } from "@/ui/LiveChart";
import { StudyPanel } from "./StudyPanel";
import { useLossColumn } from "./useLossColumn";

const useSettings = () => {
  const format = useFormat();
  const known = useKnown("training");
  return (params: Record<string, unknown>): string =>
    Object.entries(params)
      .map(([name, value]) => {
        const shown = typeof value === "number" ? format.figure(value) : String(value);
        return `${known(`fields.${name}`, "label") ?? name} ${shown}`;
      })
      .join(", ");
};

const useColumns = (): Column<Trial>[] => {
  const { t } = useTranslation("training");
  const format = useFormat();
  const loss = useLossColumn<Trial>();
  const settings = useSettings();
  const known = useKnown("training");
  return [
    {
      key: "number",
      title: t("study.trial"),
      cell: (row) => `${known("study.stages", row.stage) ?? row.stage} ${row.number + 1}`,
    },
    {
      key: "params",
      title: t("study.settings"),
      wide: true,
      cell: (row) => settings(row.params),
    },
    {
      key: "accuracy",
      title: t("study.accuracy"),
      numeric: true,
      cell: (row) => format.percent(row.accuracy),
    },
    loss,
    {
      key: "state",
      title: t("columns.status"),
      cell: (row) => known("study.states", row.state) ?? row.state,
    },
  ];
};

const Found = ({ result }: { result: NonNullable<Search["result"]> }) => {
  const { t } = useTranslation("training");
  const columns = useColumns();
  const settings = useSettings();
  const curve = useMemo(() => bestSoFar(result.tried), [result]);
  const series = useMemo<Series[]>(
    () => [
      { label: t("study.trialLoss"), color: "--chart-2", dash: true },
      { label: t("study.best"), color: "--chart-1" },
    ],
    [t],
  );
  return (
    <>
      {result.best ? <Text>{`${t("study.best")}: ${settings(result.best)}`}</Text> : null}
      <LiveChart
        columns={curve}
        series={series}
        xLabel={t("study.trial")}
        summary={t("study.curve", { count: result.tried.length })}
      />
      <DataTable
        caption={t("study.tried")}
        columns={columns}
        rows={result.tried}
        rowKey={(row) => `${row.stage} ${row.number}`}
      />
    </>
  );
};

/** What was tried, how well each did, and which settings train the model. */
export const SearchPanel = ({ asked }: { asked: Search }) => {
  const { t } = useTranslation("training");
  return (
    <StudyPanel title={t("study.search", { trials: asked.trials })} result={asked.result}>
      {(result) => <Found result={result} />}
    </StudyPanel>
  );
};
