import { Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { datasetsQuery } from "@/api/datasets";
import { jobEnded } from "@/api/training";
import type { Job } from "@/api/types";
import { dateOf } from "@/lib/format";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { useOrg } from "@/lib/useOrg";
import { LinkAnchor } from "@/ui/links";
import { Panel } from "@/ui/Panel";
import { Stats } from "@/ui/Stat";
import { TemperBar } from "@/ui/TemperBar";

type Props = { job: Job; progress: number };

const MEGA = 1e6;

const secondsBetween = (from: Date, to: Date): number => (to.getTime() - from.getTime()) / 1000;

type Fact = { label: string; value: ReactNode };

/** Data by its name, as long as it is there. */
const DataLink = ({ reference }: { reference: string }) => {
  const org = useOrg();
  const datasets = useQuery(datasetsQuery(org)).data?.data;
  const found = datasets?.find(({ id }) => id === reference);
  if (!found) return <>{reference}</>;
  return (
    <LinkAnchor to="/o/$org/datasets/$datasetId" params={{ org: org.slug, datasetId: found.id }}>
      {found.name}
    </LinkAnchor>
  );
};

/** What it learns from, and how. */
const useSettings = (job: Job): Fact[] => {
  const { t } = useTranslation("training");
  const org = useOrg();
  const known = useKnown("training");
  const { validation_file: validation, preset, continue_from: parent } = job;
  const contract = job.outcome_contract;
  const facts: [string, ReactNode][] = [
    [t("form.dataset"), <DataLink key="data" reference={job.training_file} />],
    [t("form.validation"), validation && <DataLink key="validation" reference={validation} />],
    [t("columns.base"), job.model],
    [t("columns.tier"), known("tiers", job.tier) ?? job.tier],
    [t("form.preset"), preset && (known(`presets.${preset}`, "name") ?? preset)],
    [t("job.parent"), parent],
    [
      t("job.contract"),
      contract && (
        <LinkAnchor
          key="contract"
          to="/o/$org/billing/outcomes/$contractId"
          params={{ org: org.slug, contractId: contract }}
        >
          {t("estimate.contract")}
        </LinkAnchor>
      ),
    ],
  ];
  return facts.flatMap(([label, value]) => (value ? [{ label, value }] : []));
};

/** What a running job does at this moment. */
const useLive = ({ status, progress }: Job): Fact[] => {
  const { t } = useTranslation("training");
  const format = useFormat();
  if (status !== "running") return [];
  const { rows_per_second: rows, memory_bytes: memory, learning_rate: rate, device } = progress;
  const megabytes = memory ? format.number(Math.round(memory / MEGA)) : undefined;
  const facts: [string, string | undefined][] = [
    [t("job.rows"), rows ? format.figure(rows) : undefined],
    [t("job.rate"), rate ? format.figure(rate) : undefined],
    [t("job.memory"), megabytes && t("job.megabytes", { value: megabytes })],
    [t("job.device"), device],
  ];
  return facts.flatMap(([label, value]) => (value ? [{ label, value }] : []));
};

/** Where a queued job stands, and when its turn comes. */
const useWaiting = ({ queue_position: place, estimated_start: start }: Job): Fact[] => {
  const { t } = useTranslation("training");
  const format = useFormat();
  if (place === null) return [];
  const span = start === null ? 0 : Math.max(1, secondsBetween(new Date(), dateOf(start)));
  return [
    { label: t("job.position"), value: format.number(place) },
    ...(span
      ? [{ label: t("job.starts"), value: t("job.startsIn", { span: format.span(span) }) }]
      : []),
  ];
};

export const JobFacts = ({ job, progress }: Props) => {
  const { t } = useTranslation("training");
  const format = useFormat();
  const known = useKnown("training");
  const phase = known("phases", job.phase) ?? job.phase;
  // "fold 2/5": the kind is a word of this page, the count is a figure
  const partText = (part: string): string => {
    const [kind = "", count = ""] = part.split(" ");
    return `${known("study.parts", kind) ?? kind} ${count}`.trim();
  };
  const settings = useSettings(job);
  const live = useLive(job);
  const waiting = useWaiting(job);
  const running = !jobEnded(job.status);
  const left = job.status === "running" ? job.progress.eta_seconds : null;
  const { started_at: started, finished_at: finished } = job;
  const took = started && finished ? secondsBetween(dateOf(started), dateOf(finished)) : undefined;
  return (
    <Panel>
      <Stack>
        <TemperBar value={progress} label={t("job.progress")} active={running} />
        <Stats
          items={[
            { label: t("job.progress"), value: format.percent(progress, 0) },
            { label: t("job.phase"), value: phase },
            ...(running && job.progress.part
              ? [{ label: t("study.part"), value: partText(job.progress.part) }]
              : []),
            running
              ? { label: t("job.left"), value: left ? format.span(left) : "–" }
              : { label: t("job.took"), value: took === undefined ? "–" : format.span(took) },
            ...settings,
            ...waiting,
            ...live,
            ...(job.trained_tokens
              ? [{ label: t("columns.tokens"), value: format.number(job.trained_tokens) }]
              : []),
          ]}
        />
      </Stack>
    </Panel>
  );
};
