import { Anchor, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Evaluation } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { ConfusionMatrix } from "@/pages/models/ConfusionMatrix";
import { DataTable } from "@/ui/DataTable";
import { Panel } from "@/ui/Panel";
import { CellRows } from "./CellRows";

type Picked = { true: string; predicted: string };

/** Up to fifty labels the whole matrix, above that the largest confusions; each leads to its rows. */
export const Confusion = ({
  report,
  confusion,
}: {
  report: Evaluation;
  confusion: NonNullable<Evaluation["confusion"]>;
}) => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  const [cell, setCell] = useState<Picked>();
  const { counts, cells } = confusion;
  const nameOf = (at: number | undefined): string => report.labels[at ?? -1] ?? "";
  return (
    <Stack gap="lg">
      <Panel title={counts ? t("confusion.title") : t("confusion.top")}>
        <Text size="sm" c="dimmed">
          {t("confusion.help")}
        </Text>
        {counts ? (
          <ConfusionMatrix
            matrix={{ labels: report.labels, counts }}
            pick={{
              name: (row, column, count) =>
                t("confusion.cell", { true: row, predicted: column, count }),
              open: (row, column) => setCell({ true: row, predicted: column }),
            }}
          />
        ) : (
          <DataTable
            caption={t("confusion.top")}
            columns={[
              { key: "true", title: t("confusion.true"), cell: ([row]) => nameOf(row) },
              {
                key: "predicted",
                title: t("confusion.predicted"),
                cell: ([, column]) => nameOf(column),
              },
              {
                key: "count",
                title: t("confusion.count"),
                numeric: true,
                cell: ([row, column, count]) => (
                  <Anchor
                    component="button"
                    type="button"
                    onClick={() => setCell({ true: nameOf(row), predicted: nameOf(column) })}
                  >
                    {format.number(count ?? 0)}
                  </Anchor>
                ),
              },
            ]}
            rows={cells ?? []}
            rowKey={([row, column]) => `${row} ${column}`}
          />
        )}
      </Panel>
      {cell ? (
        <CellRows
          key={`${cell.true}\n${cell.predicted}`}
          model={report.model}
          cell={cell}
          title={t("rows.cell", cell)}
        />
      ) : null}
    </Stack>
  );
};
