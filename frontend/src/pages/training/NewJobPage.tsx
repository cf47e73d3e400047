import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { datasetsQuery } from "@/api/datasets";
import { modelsQuery } from "@/api/models";
import { jobsQuery } from "@/api/training";
import { useCan, useOrg } from "@/lib/useOrg";
import { EmptyState } from "@/ui/EmptyState";
import { LinkButton } from "@/ui/links";
import { PageHeader } from "@/ui/PageHeader";
import { QueryView } from "@/ui/QueryView";
import { NewJobForm } from "./NewJobForm";

const NoData = () => {
  const { t } = useTranslation("training");
  const org = useOrg();
  return (
    <EmptyState
      title={t("noData.title")}
      text={t("noData.text")}
      action={
        <LinkButton to="/o/$org/datasets" params={{ org: org.slug }}>
          {t("noData.action")}
        </LinkButton>
      }
    />
  );
};

/** The form, once everything is there that it chooses from. */
const Form = () => {
  const org = useOrg();
  const datasets = useQuery(datasetsQuery(org));
  const models = useQuery(modelsQuery(org));
  const jobs = useQuery(jobsQuery(org));
  return (
    <QueryView query={datasets}>
      {({ data }) => {
        const usable = data.filter(({ status }) => status === "ready");
        if (usable.length === 0) return <NoData />;
        return (
          <QueryView query={models}>
            {(all) => (
              <QueryView query={jobs}>
                {(page) => (
                  <NewJobForm choices={{ datasets: usable, models: all, jobs: page.data }} />
                )}
              </QueryView>
            )}
          </QueryView>
        );
      }}
    </QueryView>
  );
};

export const NewJobPage = () => {
  const { t } = useTranslation("training");
  const allowed = useCan("train");
  return (
    <>
      <PageHeader title={t("new.title")} lead={t("new.lead")} />
      {allowed ? <Form /> : t("askAdmin")}
    </>
  );
};
