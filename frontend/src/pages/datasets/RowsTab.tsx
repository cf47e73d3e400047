import { Button, Group, Text } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { datasetRowsQuery } from "@/api/datasets";
import type { DatasetRow } from "@/api/types";
import { useKnown } from "@/lib/useKnown";
import { useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { Entities } from "@/ui/Entities";
import { QueryView } from "@/ui/QueryView";
import { spansOf, Target } from "./Target";

/** What else the file says of the row, in its columns' order. */
const RowMeta = ({ row }: { row: DatasetRow }) => {
  const known = Object.entries(row.meta).filter(([, value]) => value !== null);
  if (known.length === 0) return null;
  return (
    <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
      {known.map(([name, value]) => `${name}: ${String(value)}`).join(" · ")}
    </Text>
  );
};

const RowText = ({ row }: { row: DatasetRow }) => {
  const spans = spansOf(row);
  return (
    <>
      {spans ? <Entities text={row.text} spans={spans} /> : row.text}
      <RowMeta row={row} />
    </>
  );
};

export const RowsTab = ({ datasetId }: { datasetId: string }) => {
  const { t } = useTranslation("datasets");
  const known = useKnown("datasets");
  const [trail, setTrail] = useState<number[]>([]);
  const rows = useQuery({
    ...datasetRowsQuery(useOrg(), datasetId, trail.at(-1)),
    placeholderData: keepPreviousData,
  });
  const splitName = (split: string): string => known("splits", split) ?? split;
  const columns: Column<DatasetRow>[] = [
    { key: "text", title: t("columns.text"), cell: (row) => <RowText row={row} /> },
    { key: "label", title: t("columns.label"), cell: (row) => <Target row={row} /> },
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
            rowKey={(row) => String(row.id)}
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
              onClick={() => setTrail([...trail, data.at(-1)?.id ?? 0])}
            >
              {t("next")}
            </Button>
          </Group>
        </>
      )}
    </QueryView>
  );
};
