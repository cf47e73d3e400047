import { useTranslation } from "react-i18next";
import { lossText } from "@/lib/figures";
import type { Column } from "@/ui/DataTable";

/** The loss of a row, a fold or a trial. */
export const useLossColumn = <Row extends { loss: number | null }>(): Column<Row> => {
  const { t } = useTranslation("training");
  return { key: "loss", title: t("chart.loss"), numeric: true, cell: (row) => lossText(row.loss) };
};
