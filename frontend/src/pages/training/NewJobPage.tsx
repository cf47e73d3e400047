import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { datasetsQuery } from "@/api/datasets";
import { modelsQuery } from "@/api/models";
import { jobQuery, jobsQuery } from "@/api/training";
import { useCan, useOrg } from "@/lib/useOrg";
import { EmptyState } from "@/ui/EmptyState";
import { Loading } from "@/ui/Loading";
import { LinkButton } from "@/ui/links";
import { PageHeader } from "@/ui/PageHeader";
import { QueryView } from "@/ui/QueryView";
import { withPicked } from "./beginning";
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
  const { job: id = "" } = useSearch({ from: "/o/$org" });
  // the list may be from before it ended
  const picked = useQuery({ ...jobQuery(org, id), enabled: id !== "" });
  if (picked.isLoading) return <Loading />;
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
                  <NewJobForm
                    choices={{
                      datasets: usable,
                      models: all,
                      jobs: withPicked(page.data, picked.data),
                    }}
                  />
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
