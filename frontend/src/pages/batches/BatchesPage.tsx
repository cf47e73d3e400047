import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { batchesQuery } from "@/api/batches";
import type { Batch } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import type { Column } from "@/ui/DataTable";
import { ListPage } from "@/ui/ListPage";
import { LinkAnchor, LinkButton } from "@/ui/links";
import { StatusBadge } from "@/ui/StatusBadge";

const PREVIEW = `id,review,label,score
1,"Battery lasts two days",positive,0.998
2,"Arrived with a cracked screen",negative,0.996`;

const NAME_LETTERS = 14;

const NewButton = () => {
  const { t } = useTranslation("batches");
  const org = useOrg();
  if (!useCan("upload")) return <>{t("askAdmin")}</>;
  return (
    <LinkButton to="/o/$org/batches/new" params={{ org: org.slug }}>
      {t("new")}
    </LinkButton>
  );
};

const useColumns = (): Column<Batch>[] => {
  const { t } = useTranslation("batches");
  const format = useFormat();
  const org = useOrg();
  return [
    {
      key: "batch",
      title: t("columns.batch"),
      cell: (row) => (
        <LinkAnchor
          to="/o/$org/batches/$batchId"
          params={{ org: org.slug, batchId: row.id }}
          fw={600}
        >
          {row.metadata.name ?? `${row.id.slice(0, NAME_LETTERS)}…`}
        </LinkAnchor>
      ),
    },
    { key: "model", title: t("columns.model"), wide: true, cell: (row) => row.model ?? "" },
    {
      key: "progress",
      title: t("columns.progress"),
      numeric: true,
      cell: ({ request_counts: counts }) =>
        t("page.of", {
          done: format.number(counts.completed + counts.failed),
          total: format.number(counts.total),
        }),
    },
    {
      key: "status",
      title: t("columns.status"),
      cell: (row) => <StatusBadge status={row.status} label={t(`status.${row.status}`)} />,
    },
    {
      key: "created",
      title: t("columns.created"),
      wide: true,
      cell: (row) => format.ago(row.created_at),
    },
  ];
};

export const BatchesPage = () => {
  const { t } = useTranslation("batches");
  const batches = useInfiniteQuery(batchesQuery(useOrg()));
  const columns = useColumns();
  return (
    <ListPage
      title={t("title")}
      lead={t("lead")}
      query={batches}
      columns={columns}
      action={<NewButton />}
      empty={{ title: t("empty.title"), text: t("empty.text"), preview: PREVIEW }}
    />
  );
};
