import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { datasetsQuery } from "@/api/datasets";
import type { Dataset } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { EmptyState } from "@/ui/EmptyState";
import { LinkAnchor, LinkButton } from "@/ui/links";
import { PageHeader } from "@/ui/PageHeader";
import { QueryView } from "@/ui/QueryView";
import { StatusBadge } from "@/ui/StatusBadge";

const SAMPLE = `text,label
"Battery lasts two days",positive
"Arrived with a cracked screen",negative
"Exactly what I hoped for",positive`;

const UploadButton = () => {
  const { t } = useTranslation("datasets");
  const org = useOrg();
  if (!useCan("upload")) return <>{t("askAdmin")}</>;
  return (
    <LinkButton to="/o/$org/datasets/new" params={{ org: org.slug }}>
      {t("upload")}
    </LinkButton>
  );
};

const useColumns = (): Column<Dataset>[] => {
  const { t } = useTranslation("datasets");
  const format = useFormat();
  const org = useOrg();
  return [
    {
      key: "name",
      title: t("columns.name"),
      cell: (row) => (
        <LinkAnchor
          to="/o/$org/datasets/$datasetId"
          params={{ org: org.slug, datasetId: row.id }}
          fw={600}
        >
          {row.name}
        </LinkAnchor>
      ),
    },
    {
      key: "rows",
      title: t("columns.rows"),
      numeric: true,
      cell: (row) => format.number(row.rows),
    },
    {
      key: "labels",
      title: t("columns.labels"),
      wide: true,
      numeric: true,
      cell: (row) => format.number(Object.keys(row.labels).length),
    },
    {
      key: "status",
      title: t("columns.status"),
      cell: (row) => <StatusBadge status={row.status} />,
    },
    {
      key: "created",
      title: t("columns.created"),
      wide: true,
      cell: (row) => format.ago(row.created_at),
    },
  ];
};

export const DatasetsPage = () => {
  const { t } = useTranslation("datasets");
  const datasets = useQuery(datasetsQuery(useOrg()));
  const columns = useColumns();
  const filled = (datasets.data?.data.length ?? 0) > 0;
  return (
    <>
      <PageHeader title={t("title")} lead={t("lead")} action={filled ? <UploadButton /> : null} />
      <QueryView query={datasets}>
        {({ data }) =>
          data.length === 0 ? (
            <EmptyState
              title={t("empty.title")}
              text={t("empty.text")}
              action={<UploadButton />}
              preview={SAMPLE}
            />
          ) : (
            <DataTable
              caption={t("title")}
              columns={columns}
              rows={data}
              rowKey={(row) => row.id}
            />
          )
        }
      </QueryView>
    </>
  );
};
