import { Accordion } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Line } from "@/lib/buckets";
import type { Group } from "@/lib/periods";
import { useFormat } from "@/lib/useFormat";
import { type Column, DataTable } from "@/ui/DataTable";
import classes from "./DayTable.module.css";
import { useMeterName } from "./useMeterName";

type Props = { lines: readonly Line[]; group: Group; memberName: (member: string) => string };

/** The chart's figures, to read and to copy. */
export const DayTable = ({ lines, group, memberName }: Props) => {
  const { t } = useTranslation("usage");
  const format = useFormat();
  const meterName = useMeterName();
  const member: Column<Line> = {
    key: "member",
    title: t(`group.${group}`),
    cell: (line) => memberName(line.member),
  };
  const meter: Column<Line> = {
    key: "meter",
    title: t("group.meter"),
    cell: (line) => meterName(line.meter),
  };
  const columns: Column<Line>[] = [
    { key: "day", title: t("table.day"), cell: (line) => format.day(line.start) },
    ...(group === "meter" ? [meter] : [{ ...meter, wide: true }, member]),
    {
      key: "units",
      title: t("table.units"),
      numeric: true,
      cell: (line) => format.number(line.units),
    },
  ];
  return (
    <Accordion variant="contained">
      <Accordion.Item value="table">
        <Accordion.Control>{t("table.title", { count: lines.length })}</Accordion.Control>
        <Accordion.Panel>
          <div className={classes.figures}>
            <DataTable
              caption={t("table.caption")}
              columns={columns}
              rows={lines}
              rowKey={(line) => `${line.start} ${line.meter} ${line.member}`}
            />
          </div>
        </Accordion.Panel>
      </Accordion.Item>
    </Accordion>
  );
};
