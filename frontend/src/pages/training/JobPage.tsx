import { Group, Stack, Text } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { jobEnded, jobQuery } from "@/api/training";
import type { Job } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { LinkAnchor } from "@/ui/links";
import { PageHeader } from "@/ui/PageHeader";
import { QueryView } from "@/ui/QueryView";
import { StatusBadge } from "@/ui/StatusBadge";
import { Checkpoints } from "./Checkpoints";
import { JobActions } from "./JobActions";
import { JobCharts } from "./JobCharts";
import { JobFacts } from "./JobFacts";
import { JobLog } from "./JobLog";
import { JobOutcome, JobWarnings } from "./JobOutcome";
import { progressOf } from "./progress";
import { RowSamples } from "./RowSamples";
import { Study } from "./Study";
import { TensorboardFile } from "./TensorboardFile";
import { useStory } from "./useStory";

const useTitle = (job: Job, title: string, progress: number) => {
  const percent = `${Math.round(progress * 100)} %`;
  useDocumentTitle(jobEnded(job.status) ? title : `${percent} · ${title}`);
};

const Live = ({ job }: { job: Job }) => {
  const { t } = useTranslation("training");
  const org = useOrg();
  const format = useFormat();
  const client = useQueryClient();
  const story = useStory(job);
  const { job: told } = story;
  useEffect(() => {
    if (told) client.setQueryData(jobQuery(org, told.id).queryKey, told);
  }, [told, client, org]);
  const progress = progressOf(job);
  const title = job.suffix || t("job.title");
  useTitle(job, title, progress);
  return (
    <>
      <PageHeader
        title={title}
        above={
          <LinkAnchor to="/o/$org/training" params={{ org: org.slug }} size="sm">
            {t("title")}
          </LinkAnchor>
        }
        lead={
          <Group gap="xs">
            <StatusBadge status={job.status} />{" "}
            {t("job.started", { ago: format.ago(job.created_at) })}
          </Group>
        }
        action={<JobActions job={job} />}
      />
      <Stack gap="lg">
        <JobOutcome job={job} />
        <JobWarnings job={job} />
        <JobFacts job={job} progress={progress} />
        <JobCharts metrics={story.metrics} tier={job.tier} />
        <RowSamples job={job.id} metrics={story.metrics} />
        <Study job={job} />
        <Checkpoints job={job} />
        <JobLog lines={story.lines} live={story.live} broken={story.broken} />
        <Group justify="space-between">
          <Text size="sm" c="dimmed">
            {job.id}
          </Text>
          <TensorboardFile job={job} />
        </Group>
      </Stack>
    </>
  );
};

export const JobPage = () => {
  const { jobId = "" } = useParams({ strict: false });
  const job = useQuery(jobQuery(useOrg(), jobId));
  return <QueryView query={job}>{(data) => <Live key={data.id} job={data} />}</QueryView>;
};
