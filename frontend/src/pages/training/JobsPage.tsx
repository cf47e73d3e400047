import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { jobPagesQuery } from "@/api/training";
import type { Job } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { useCan, useOrg } from "@/lib/useOrg";
import type { Column } from "@/ui/DataTable";
import { ListPage } from "@/ui/ListPage";
import { LinkAnchor, LinkButton } from "@/ui/links";
import { StatusBadge } from "@/ui/StatusBadge";
import { CurvePreview } from "./CurvePreview";

const NewButton = () => {
  const { t } = useTranslation("training");
  const org = useOrg();
  if (!useCan("train")) return <>{t("askAdmin")}</>;
  return (
    <LinkButton to="/o/$org/training/new" params={{ org: org.slug }}>
      {t("start")}
    </LinkButton>
  );
};

const useColumns = (): Column<Job>[] => {
  const { t } = useTranslation("training");
  const format = useFormat();
  const org = useOrg();
  const known = useKnown("training");
  return [
    {
      key: "name",
      title: t("columns.job"),
      cell: (job) => (
        <LinkAnchor to="/o/$org/training/$jobId" params={{ org: org.slug, jobId: job.id }} fw={600}>
          {job.suffix || job.id.slice(0, 14)}
        </LinkAnchor>
      ),
    },
    {
      key: "status",
      title: t("columns.status"),
      cell: (job) => <StatusBadge status={job.status} />,
    },
    { key: "model", title: t("columns.base"), wide: true, cell: (job) => job.model },
    {
      key: "tier",
      title: t("columns.tier"),
      wide: true,
      cell: (job) => known("tiers", job.tier) ?? job.tier,
    },
    {
      key: "tokens",
      title: t("columns.tokens"),
      wide: true,
      numeric: true,
      cell: (job) => (job.trained_tokens ? format.number(job.trained_tokens) : "–"),
    },
    { key: "created", title: t("columns.created"), cell: (job) => format.ago(job.created_at) },
  ];
};

export const JobsPage = () => {
  const { t } = useTranslation("training");
  const jobs = useInfiniteQuery(jobPagesQuery(useOrg()));
  const columns = useColumns();
  return (
    <ListPage
      title={t("title")}
      lead={t("lead")}
      query={jobs}
      columns={columns}
      action={<NewButton />}
      empty={{ title: t("empty.title"), text: t("empty.text"), preview: <CurvePreview /> }}
    />
  );
};
