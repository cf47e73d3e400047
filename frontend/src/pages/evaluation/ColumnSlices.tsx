import { Group, Select, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Evaluation } from "@/api/types";
import {
  firstShown,
  formatEnd,
  isWorse,
  type Part,
  type SlicedColumn,
  worseOf,
} from "@/lib/slices";
import { useFigure } from "@/lib/useFigure";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { DataTable } from "@/ui/DataTable";
import { Panel } from "@/ui/Panel";
import { StatusBadge } from "@/ui/StatusBadge";

type Slices = NonNullable<Evaluation["column_slices"]>;

/** What a slice is called: its value as the file has it, a range, or what is rare or missing. */
const usePartName = () => {
  const { t, i18n } = useTranslation("evaluation");
  const end = (value: number): string => formatEnd(value, i18n.language);
  return (part: Part): string => {
    if (part.low !== null && part.high !== null) {
      return t("by.range", { low: end(part.low), high: end(part.high) });
    }
    if (part.kind === "value" || part.kind === "range") {
      return part.value === null ? t("by.gone") : String(part.value);
    }
    return part.kind === "other" ? t("by.other", { count: part.values ?? 0 }) : t("by.missing");
  };
};

const Parts = ({ column, figure: name }: { column: SlicedColumn; figure: string }) => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  const figure = useFigure();
  const partName = usePartName();
  const text = (value: number | null | undefined): string =>
    typeof value === "number" ? figure.text(name, value) : "–";
  return (
    <DataTable
      caption={t("by.caption", { column: column.column })}
      columns={[
        {
          key: "part",
          title: column.column,
          cell: (row) => (
            <Group gap="xs">
              <span style={{ overflowWrap: "anywhere" }}>{partName(row)}</span>
              {isWorse(row) ? <StatusBadge status="worse" label={t("by.worse")} /> : null}
            </Group>
          ),
        },
        {
          key: "figure",
          title: figure.name(name),
          numeric: true,
          cell: (row) => text(row.figure?.value),
        },
        {
          key: "range",
          title: t("slices.range"),
          numeric: true,
          wide: true,
          cell: (row) => (row.figure ? `${text(row.figure.low)} – ${text(row.figure.high)}` : "–"),
        },
        {
          key: "rest",
          title: t("by.rest"),
          numeric: true,
          wide: true,
          cell: (row) => text(row.rest),
        },
        {
          key: "rows",
          title: t("slices.rows"),
          numeric: true,
          cell: (row) => format.number(row.rows),
        },
      ]}
      rows={column.slices}
      rowKey={(row) => `${row.kind} ${row.row ?? ""}`}
    />
  );
};

/** The parts where the model does worse than elsewhere, in one sentence. */
const Summary = ({ part }: { part: Slices }) => {
  const { t } = useTranslation("evaluation");
  const partName = usePartName();
  const worse = worseOf(part.columns);
  if (part.tested === 0) return <Text>{t("by.few", { least: part.least_rows })}</Text>;
  if (worse.length === 0) return <Text>{t("by.none")}</Text>;
  return (
    <Stack gap={4}>
      <Text fw={600}>{t("by.found")}</Text>
      <ul style={{ margin: 0 }}>
        {worse.map(({ column, slice }) => (
          <li key={`${column} ${slice.kind} ${slice.row ?? ""}`}>
            {`${column} · ${partName(slice)}`}
          </li>
        ))}
      </ul>
    </Stack>
  );
};

/** The rows by what else the file says of them: a column is chosen, its parts are compared. */
export const ColumnSlices = ({ part }: { part: Slices }) => {
  const { t } = useTranslation("evaluation");
  const known = useKnown("evaluation");
  const [chosen, setChosen] = useState<string>();
  const column =
    part.columns.find((one) => one.column === chosen) ?? firstShown(part.columns) ?? null;
  return (
    <Panel title={t("by.title")}>
      <Stack gap="md">
        {part.columns.length > 0 ? <Summary part={part} /> : null}
        {part.dataset_deleted ? (
          <Text size="sm" c="dimmed">
            {t("by.deleted")}
          </Text>
        ) : null}
        {column ? (
          <>
            <Select
              label={t("by.column")}
              data={part.columns.map((one) => {
                const count = one.slices.filter(isWorse).length;
                return {
                  value: one.column,
                  label: count > 0 ? t("by.marked", { column: one.column, count }) : one.column,
                };
              })}
              value={column.column}
              onChange={(next) => next && setChosen(next)}
              allowDeselect={false}
              maw={360}
            />
            <Parts column={column} figure={part.figure} />
            <Text size="sm" c="dimmed">
              {t("by.method", { tested: part.tested, least: part.least_rows })}
            </Text>
          </>
        ) : null}
        {part.skipped.length > 0 ? (
          <Text size="sm" c="dimmed">
            {t("by.skipped", {
              columns: part.skipped
                .map((one) => `${one.column} (${known("by.reasons", one.reason) ?? one.reason})`)
                .join(" · "),
            })}
          </Text>
        ) : null}
      </Stack>
    </Panel>
  );
};
