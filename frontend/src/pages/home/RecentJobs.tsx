import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { jobsQuery } from "@/api/training";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { LinkAnchor } from "@/ui/links";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { StatusBadge } from "@/ui/StatusBadge";
import classes from "./RecentJobs.module.css";

const SHOWN = 4;

export const RecentJobs = () => {
  const { t } = useTranslation("home");
  const org = useOrg();
  const format = useFormat();
  const jobs = useQuery(jobsQuery(org));
  return (
    <Panel title={t("recent.title")}>
      <QueryView query={jobs}>
        {({ data }) =>
          data.length === 0 ? (
            <Text c="dimmed" size="sm">
              {t("recent.empty")}
            </Text>
          ) : (
            <ul className={classes.list}>
              {data.slice(0, SHOWN).map((job) => (
                <li key={job.id} className={classes.row}>
                  <LinkAnchor
                    to="/o/$org/training/$jobId"
                    params={{ org: org.slug, jobId: job.id }}
                    className={classes.name ?? ""}
                  >
                    {job.suffix || job.id}
                  </LinkAnchor>
                  <Text size="sm" c="dimmed">
                    {format.ago(job.created_at)}
                  </Text>
                  <StatusBadge status={job.status} />
                </li>
              ))}
            </ul>
          )
        }
      </QueryView>
    </Panel>
  );
};
