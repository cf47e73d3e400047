import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { CrossValidation } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { type Column, DataTable } from "@/ui/DataTable";
import { Stats } from "@/ui/Stat";
import { StudyPanel, useJudged } from "./StudyPanel";

type Result = NonNullable<CrossValidation["result"]>;
type Fold = Result["folds"][number];

const SCORE_DIGITS = 3;

const useColumns = (): Column<Fold>[] => {
  const { t } = useTranslation("training");
  const format = useFormat();
  const judged = useJudged<Fold>();
  return [
    { key: "fold", title: t("study.fold"), cell: (row) => row.fold },
    {
      key: "rows",
      title: t("study.rows"),
      numeric: true,
      wide: true,
      cell: (row) => format.number(row.rows),
    },
    judged.accuracy,
    {
      key: "f1",
      title: t("study.macroF1"),
      numeric: true,
      cell: (row) => format.percent(row.macro_f1),
    },
    { ...judged.loss, wide: true },
  ];
};

const useFigures = ({ mean, deviation, calibration, label_errors: errors }: Result) => {
  const { t } = useTranslation("training");
  const format = useFormat();
  const spread = (name: "accuracy" | "macro_f1") =>
    `${format.percent(mean[name])} ± ${format.percent(deviation[name])}`;
  return [
    { label: t("study.accuracy"), value: spread("accuracy"), hint: t("study.spread") },
    { label: t("study.macroF1"), value: spread("macro_f1") },
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
        columns={useColumns()}
        rows={result.folds}
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
