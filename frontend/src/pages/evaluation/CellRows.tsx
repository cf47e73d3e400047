import { Alert, Button, Group, Text } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Cell, evaluationRowsQuery } from "@/api/evaluations";
import type { AnsweredRow } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { RowText } from "@/ui/RowText";

const useColumns = (scored: boolean): Column<AnsweredRow>[] => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  const columns: Column<AnsweredRow>[] = [
    {
      key: "text",
      title: t("rows.text"),
      cell: (row) => <RowText>{row.text ?? `#${row.row}`}</RowText>,
    },
    { key: "label", title: t("rows.label"), cell: (row) => row.label },
    { key: "predicted", title: t("rows.predicted"), cell: (row) => row.predicted },
  ];
  if (!scored) return columns;
  return [
    ...columns,
    {
      key: "score",
      title: t("rows.score"),
      numeric: true,
      wide: true,
      cell: (row) => format.percent(row.score),
    },
  ];
};

type Props = {
  model: string;
  cell: Cell;
  title: string;
  /** False where scores are no shares. */
  scored?: boolean;
};

/** The rows of one cell, or the errors that were the surest, in pages. */
export const CellRows = ({ model, cell, title, scored = true }: Props) => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  const org = useOrg();
  const columns = useColumns(scored);
  const [after, setAfter] = useState<number | undefined>();
  const rows = useQuery({
    ...evaluationRowsQuery(org, model, cell, after),
    placeholderData: keepPreviousData,
  });
  return (
    <Panel
      title={title}
      aside={
        rows.data ? (
          <Text size="sm" c="dimmed">
            {t("rows.total", { total: format.number(rows.data.total) })}
          </Text>
        ) : null
      }
    >
      <QueryView query={rows}>
        {(page) => (
          <>
            {page.dataset_deleted ? (
              <Alert color="straw" variant="light" mb="sm">
                {t("rows.deleted")}
              </Alert>
            ) : null}
            {page.data.length === 0 ? (
              <Text c="dimmed">{t("rows.none")}</Text>
            ) : (
              <DataTable
                caption={title}
                columns={columns}
                rows={page.data}
                rowKey={(row) => String(row.row)}
              />
            )}
            <Group mt="sm" gap="sm">
              {after === undefined ? null : (
                <Button variant="default" onClick={() => setAfter(undefined)}>
                  {t("rows.back")}
                </Button>
              )}
              {page.has_more ? (
                <Button
                  variant="default"
                  loading={rows.isPlaceholderData}
                  onClick={() => setAfter(page.data.at(-1)?.row)}
                >
                  {t("rows.more")}
                </Button>
              ) : null}
            </Group>
          </>
        )}
      </QueryView>
    </Panel>
  );
};
