import { Button } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { datasetSample, datasetsQuery } from "@/api/datasets";
import type { Dataset } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import type { Column } from "@/ui/DataTable";
import { ErrorBox } from "@/ui/ErrorBox";
import { ListPage } from "@/ui/ListPage";
import { LinkAnchor, LinkButton } from "@/ui/links";
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

/** The quickest way to a first model: a review set made by the server. */
const SampleButton = () => {
  const { t } = useTranslation("datasets");
  const org = useOrg();
  const allowed = useCan("upload");
  const client = useQueryClient();
  const navigate = useNavigate();
  const make = useMutation({
    mutationFn: () => datasetSample(org),
    onSuccess: async (dataset) => {
      await client.invalidateQueries({ queryKey: [org.id, "datasets"] });
      await navigate({
        to: "/o/$org/datasets/$datasetId",
        params: { org: org.slug, datasetId: dataset.id },
      });
    },
  });
  if (!allowed) return null;
  return (
    <>
      <Button variant="default" loading={make.isPending} onClick={() => make.mutate()}>
        {t("sample")}
      </Button>
      <ErrorBox error={make.error} />
    </>
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
  return (
    <ListPage
      title={t("title")}
      lead={t("lead")}
      query={datasets}
      columns={columns}
      action={<UploadButton />}
      empty={{
        title: t("empty.title"),
        text: t("empty.text"),
        preview: SAMPLE,
        more: <SampleButton />,
      }}
    />
  );
};
