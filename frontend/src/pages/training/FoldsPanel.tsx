import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { CrossValidation } from "@/api/types";
import { inOrder } from "@/lib/figures";
import { useFigure } from "@/lib/useFigure";
import { useFormat } from "@/lib/useFormat";
import { type Column, DataTable } from "@/ui/DataTable";
import { Stats } from "@/ui/Stat";
import { StudyPanel } from "./StudyPanel";
import { useLossColumn } from "./useLossColumn";

type Result = NonNullable<CrossValidation["result"]>;
type Fold = { fold: number; rows: number; metrics: Record<string, number>; loss: number | null };

const LOSS = "loss";
const SCORE_DIGITS = 3;
/** Figures that a phone has room for. */
const NARROW = 2;

/** The task's own figures; the loss has a column of its own. */
const figuresOf = ({ mean }: Result): string[] =>
  inOrder(Object.keys(mean).filter((name) => name !== LOSS));

const useColumns = (result: Result): Column<Fold>[] => {
  const { t } = useTranslation("training");
  const format = useFormat();
  const figure = useFigure();
  const loss = useLossColumn<Fold>();
  const figures = figuresOf(result).map(
    (name, place): Column<Fold> => ({
      key: name,
      title: figure.name(name),
      numeric: true,
      wide: place >= NARROW,
      cell: (row) => figure.text(name, row.metrics[name] ?? Number.NaN),
    }),
  );
  return [
    { key: "fold", title: t("study.fold"), cell: (row) => row.fold },
    {
      key: "rows",
      title: t("study.rows"),
      numeric: true,
      wide: true,
      cell: (row) => format.number(row.rows),
    },
    ...figures,
    { ...loss, wide: true },
  ];
};

const useFigures = (result: Result) => {
  const { t } = useTranslation("training");
  const format = useFormat();
  const figure = useFigure();
  const { mean, deviation, calibration, label_errors: errors } = result;
  const spreads = figuresOf(result).map((name, place) => ({
    label: figure.name(name),
    value: [mean, deviation].map((side) => figure.text(name, side[name] ?? 0)).join(" ± "),
    ...(place === 0 ? { hint: t("study.spread") } : {}),
  }));
  return [
    ...spreads,
    ...(errors === null ? [] : [{ label: t("study.errors"), value: format.number(errors) }]),
    ...(calibration
      ? [
          {
            label: t("study.temperature"),
            value: calibration.temperature.toFixed(2),
            hint: t(calibration.applied ? "study.applied" : "study.notApplied"),
          },
        ]
      : []),
  ];
};

const Thresholds = ({ calibration }: { calibration: NonNullable<Result["calibration"]> }) => {
  const { t } = useTranslation("training");
  const format = useFormat();
  return (
    <>
      <Text size="sm" c="dimmed">
        {t("study.thresholdsLead")}
      </Text>
      <DataTable
        caption={t("study.thresholds")}
        columns={[
          { key: "label", title: t("study.label"), cell: ([label]) => label },
          {
            key: "threshold",
            title: t("study.threshold"),
            numeric: true,
            cell: ([, cut]) => cut.threshold.toFixed(SCORE_DIGITS),
          },
          { key: "f1", title: "F1", numeric: true, cell: ([, cut]) => format.percent(cut.f1) },
        ]}
        rows={Object.entries(calibration.thresholds)}
        rowKey={([label]) => label}
      />
    </>
  );
};

const Found = ({ result }: { result: Result }) => {
  const { t } = useTranslation("training");
  return (
    <>
      <Stats items={useFigures(result)} />
      <DataTable
        caption={t("study.byFold")}
        columns={useColumns(result)}
        rows={result.folds.map((fold) => ({ ...fold, loss: fold.metrics[LOSS] ?? null }))}
        rowKey={(row) => String(row.fold)}
      />
      {result.calibration ? <Thresholds calibration={result.calibration} /> : null}
    </>
  );
};

/** How good the model is on rows it has not seen, once for each fold. */
export const FoldsPanel = ({ asked }: { asked: CrossValidation }) => {
  const { t } = useTranslation("training");
  return (
    <StudyPanel title={t("study.crossValidation", { folds: asked.folds })} result={asked.result}>
      {(result) => <Found result={result} />}
    </StudyPanel>
  );
};
