import { useTranslation } from "react-i18next";
import type { Evaluation } from "@/api/types";
import { useFigure } from "@/lib/useFigure";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { DataTable } from "@/ui/DataTable";

type Props = { report: Evaluation };
type Line = {
  name: string;
  figures: readonly { name: string; value: number }[];
  skipped: string | null;
};

const ON_PHONES = 2;

/** What simpler methods reach on the same rows, the model among them. */
export const Baselines = ({ report }: Props) => {
  const { t } = useTranslation("evaluation");
  const figure = useFigure();
  const known = useKnown("evaluation");
  const own: Line = { name: "model", figures: report.figures, skipped: null };
  return (
    <DataTable
      caption={t("baselines.title")}
      columns={[
        {
          key: "name",
          title: t("baselines.method"),
          cell: (row) => known("baselines", row.name) ?? row.name,
        },
        ...report.figures.map(({ name }, at) => ({
          key: name,
          title: figure.name(name),
          numeric: true,
          wide: at >= ON_PHONES,
          cell: (row: Line) => {
            if (row.skipped) return at === 0 ? (known("skipped", row.skipped) ?? row.skipped) : "";
            const found = row.figures.find((each) => each.name === name);
            return found ? figure.text(name, found.value) : "–";
          },
        })),
      ]}
      rows={[own, ...report.baselines] as Line[]}
      rowKey={(row) => row.name}
    />
  );
};

export const Labels = ({ report }: Props) => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  return (
    <DataTable
      caption={t("classes.title")}
      columns={[
        { key: "label", title: t("classes.label"), cell: (row) => row.label },
        ...(["precision", "recall", "f1"] as const).map((name) => ({
          key: name,
          title: t(`classes.${name}`),
          numeric: true,
          cell: (row: Evaluation["per_class"][number]) => format.percent(row[name]),
        })),
        {
          key: "range",
          title: t("classes.range"),
          numeric: true,
          wide: true,
          cell: (row) => `${format.percent(row.f1_low)} – ${format.percent(row.f1_high)}`,
        },
        {
          key: "support",
          title: t("classes.support"),
          numeric: true,
          cell: (row) => format.number(row.support),
        },
      ]}
      rows={report.per_class}
      rowKey={(row) => row.label}
    />
  );
};

export const Averages = ({ averages }: { averages: NonNullable<Evaluation["averages"]> }) => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  const kinds = ["macro", "micro", "weighted"] as const;
  return (
    <DataTable
      caption={t("averages.title")}
      columns={[
        { key: "kind", title: t("averages.kind"), cell: (kind) => t(`averages.${kind}`) },
        ...(["precision", "recall", "f1"] as const).map((name) => ({
          key: name,
          title: t(`classes.${name}`),
          numeric: true,
          cell: (kind: (typeof kinds)[number]) => format.percent(averages[kind][name]),
        })),
      ]}
      rows={kinds}
      rowKey={(kind) => kind}
    />
  );
};

export const Slices = ({ report }: Props) => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  return (
    <DataTable
      caption={t("slices.title")}
      columns={[
        {
          key: "part",
          title: t("slices.part"),
          cell: (row) =>
            t(`slices.${row.by}`, { low: format.number(row.low), high: format.number(row.high) }),
        },
        {
          key: "accuracy",
          title: t("accuracy"),
          numeric: true,
          cell: (row) => format.percent(row.accuracy.value),
        },
        {
          key: "range",
          title: t("slices.range"),
          numeric: true,
          wide: true,
          cell: (row) =>
            `${format.percent(row.accuracy.low)} – ${format.percent(row.accuracy.high)}`,
        },
        {
          key: "rows",
          title: t("slices.rows"),
          numeric: true,
          cell: (row) => format.number(row.rows),
        },
      ]}
      rows={report.slices}
      rowKey={(row) => `${row.by} ${row.low}`}
    />
  );
};
