import { Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Comparison, ShadowSide, Side } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { type Column, DataTable } from "@/ui/DataTable";

const SIDES = ["main", "canary", "shadow"] as const;
const FIGURES = [
  "calls",
  "items",
  "error_rate",
  "inference_ms",
  "inference_ms_p95",
  "skipped",
  "agreement",
  "score_difference",
  "score_difference_absolute",
] as const;
const SCORE_DIGITS = 4;

type Figure = (typeof FIGURES)[number];
type Values = Partial<Pick<ShadowSide, Figure>>;

const useFigureText = () => {
  const format = useFormat();
  return (figure: Figure, side: Side | ShadowSide | null): string => {
    const value = (side as Values | null)?.[figure];
    if (value === null || value === undefined) return "–";
    if (figure === "error_rate" || figure === "agreement") return format.percent(value);
    if (figure.startsWith("inference")) return format.milliseconds(value);
    if (figure.startsWith("score")) return value.toFixed(SCORE_DIGITS);
    return format.number(value);
  };
};

const Changes = ({ side }: { side: ShadowSide }) => {
  const { t } = useTranslation("deployments");
  const format = useFormat();
  if (side.changes.length === 0) return null;
  type Row = ShadowSide["changes"][number];
  const columns: Column<Row>[] = [
    {
      key: "before",
      title: t("compare.before"),
      cell: (row) => row.before ?? t("compare.nothing"),
    },
    { key: "after", title: t("compare.after"), cell: (row) => row.after ?? t("compare.nothing") },
    {
      key: "items",
      title: t("compare.count"),
      numeric: true,
      cell: (row) => format.number(row.items),
    },
  ];
  return (
    <DataTable
      caption={t("compare.changes")}
      columns={columns}
      rows={side.changes}
      rowKey={(row) => `${row.before}→${row.after}`}
    />
  );
};

type Props = { comparison: Comparison; title: string };

/** Models side by side; those that do not run have no column. */
export const ComparisonTable = ({ comparison, title }: Props) => {
  const { t } = useTranslation("deployments");
  const text = useFigureText();
  const sides = SIDES.filter((name) => comparison[name]);
  const figures = FIGURES.filter((figure) =>
    sides.some((name) => (comparison[name] as Values | null)?.[figure] !== undefined),
  );
  const columns: Column<Figure>[] = [
    { key: "figure", title: t("compare.figure"), cell: (figure) => t(`compare.${figure}`) },
    ...sides.map((name) => ({
      key: name,
      title: t(`compare.${name}`),
      numeric: true,
      cell: (figure: Figure) => text(figure, comparison[name]),
    })),
  ];
  return (
    <Stack gap="sm">
      <div>
        <Text size="sm" fw={600}>
          {title}
        </Text>
        {sides.map((name) => (
          <Text key={name} size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
            {t("compare.of", { side: t(`compare.${name}`), model: comparison[name]?.model })}
          </Text>
        ))}
      </div>
      <DataTable caption={title} columns={columns} rows={figures} rowKey={(figure) => figure} />
      {comparison.shadow ? <Changes side={comparison.shadow} /> : null}
    </Stack>
  );
};
