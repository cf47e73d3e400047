import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
import { lossText } from "@/lib/figures";
import type { Point } from "@/lib/metrics";
import { useFigure } from "@/lib/useFigure";
import { useFormat } from "@/lib/useFormat";
import { type Column, DataTable } from "@/ui/DataTable";

const SHOWN = 100;

/** The charts as a table, for those who cannot or would rather not see a picture. */
export const MetricTable = ({ points, score }: { points: readonly Point[]; score: string }) => {
  const { t } = useTranslation("training");
  const format = useFormat();
  const figure = useFigure();
  const [opened, table] = useDisclosure(false);
  const columns: Column<Point>[] = [
    { key: "step", title: t("chart.step"), numeric: true, cell: (row) => format.number(row.step) },
    {
      key: "train",
      title: t("chart.train"),
      numeric: true,
      cell: (row) => lossText(row.trainLoss),
    },
    {
      key: "valid",
      title: t("chart.valid"),
      numeric: true,
      cell: (row) => lossText(row.validLoss),
    },
    {
      key: "accuracy",
      title: t("chart.validScore", { name: figure.name(score) }),
      numeric: true,
      cell: (row) => (row.accuracy === undefined ? "–" : figure.text(score, row.accuracy)),
    },
  ];
  return (
    <>
      <Button
        variant="subtle"
        size="compact-sm"
        mt="sm"
        mb="sm"
        onClick={table.toggle}
        aria-expanded={opened}
      >
        {opened ? t("chart.hideTable") : t("chart.showTable")}
      </Button>
      {opened ? (
        <DataTable
          caption={t("chart.title")}
          columns={columns}
          rows={points.slice(-SHOWN)}
          rowKey={(row) => String(row.step)}
        />
      ) : null}
    </>
  );
};
