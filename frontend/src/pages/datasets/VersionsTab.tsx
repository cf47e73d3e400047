import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { datasetVersionsQuery } from "@/api/datasets";
import type { DatasetVersion } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { QueryView } from "@/ui/QueryView";

const HASH_SHOWN = 12;

export const VersionsTab = ({ datasetId }: { datasetId: string }) => {
  const { t } = useTranslation("datasets");
  const format = useFormat();
  const versions = useQuery(datasetVersionsQuery(useOrg(), datasetId));
  const columns: Column<DatasetVersion>[] = [
    { key: "number", title: t("facts.version"), cell: (row) => format.number(row.number) },
    {
      key: "rows",
      title: t("columns.rows"),
      numeric: true,
      cell: (row) => format.number(row.rows),
    },
    {
      key: "hash",
      title: t("columns.hash"),
      wide: true,
      cell: (row) => <code>{row.content_hash?.slice(0, HASH_SHOWN) ?? "–"}</code>,
    },
    { key: "created", title: t("columns.created"), cell: (row) => format.dateTime(row.created_at) },
  ];
  return (
    <QueryView query={versions}>
      {({ data }) => (
        <DataTable
          caption={t("tabs.versions")}
          columns={columns}
          rows={data}
          rowKey={(row) => row.id}
        />
      )}
    </QueryView>
  );
};
