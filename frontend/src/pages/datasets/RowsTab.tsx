import { Button, Group } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { datasetRowsQuery } from "@/api/datasets";
import type { DatasetRow } from "@/api/types";
import { useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { QueryView } from "@/ui/QueryView";

export const RowsTab = ({ datasetId }: { datasetId: string }) => {
  const { t, i18n } = useTranslation("datasets");
  const [trail, setTrail] = useState<string[]>([]);
  const rows = useQuery({
    ...datasetRowsQuery(useOrg(), datasetId, trail.at(-1)),
    placeholderData: keepPreviousData,
  });
  const splitName = (split: string): string => {
    const key = `splits.${split}` as "splits.train";
    return i18n.exists(key, { ns: "datasets" }) ? t(key) : split;
  };
  const columns: Column<DatasetRow>[] = [
    { key: "text", title: t("columns.text"), cell: (row) => row.text },
    { key: "label", title: t("columns.label"), cell: (row) => row.label },
    { key: "split", title: t("columns.split"), wide: true, cell: (row) => splitName(row.split) },
  ];
  return (
    <QueryView query={rows}>
      {({ data, has_more }) => (
        <>
          <DataTable
            caption={t("tabs.rows")}
            columns={columns}
            rows={data}
            rowKey={(row) => String(row.row_id)}
          />
          <Group mt="md" justify="flex-end">
            <Button
              variant="default"
              disabled={trail.length === 0}
              onClick={() => setTrail(trail.slice(0, -1))}
            >
              {t("previous")}
            </Button>
            <Button
              variant="default"
              disabled={!has_more}
              onClick={() => setTrail([...trail, String(data.at(-1)?.row_id ?? "")])}
            >
              {t("next")}
            </Button>
          </Group>
        </>
      )}
    </QueryView>
  );
};
