import { useTranslation } from "react-i18next";
import type { ClassLine } from "@/lib/report";
import { useFormat } from "@/lib/useFormat";
import { type Column, DataTable } from "@/ui/DataTable";

export const ClassTable = ({ rows }: { rows: readonly ClassLine[] }) => {
  const { t } = useTranslation("models");
  const format = useFormat();
  const share = (name: "precision" | "recall" | "f1"): Column<ClassLine> => ({
    key: name,
    title: t(`classes.${name}`),
    numeric: true,
    cell: (row) => format.percent(row[name]),
  });
  return (
    <DataTable
      caption={t("classes.title")}
      columns={[
        { key: "label", title: t("classes.label"), cell: (row) => row.label },
        share("precision"),
        share("recall"),
        share("f1"),
        {
          key: "support",
          title: t("classes.support"),
          numeric: true,
          cell: (row) => format.number(row.support),
        },
      ]}
      rows={rows}
      rowKey={(row) => row.label}
    />
  );
};
