import { Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
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
const RATE_DIGITS = 3;

const secondsBetween = (from: Date, to: Date): number => (to.getTime() - from.getTime()) / 1000;

type Fact = { label: string; value: string };

/** What the job's success is paid by. */
const useContract = ({ outcome_contract: id }: Job) => {
  const { t } = useTranslation("training");
  const org = useOrg();
  if (id === null) return [];
  const params = { org: org.slug, contractId: id };
  return [
    {
      label: t("job.contract"),
      value: (
        <LinkAnchor to="/o/$org/billing/outcomes/$contractId" params={params}>
          {t("estimate.contract")}
        </LinkAnchor>
      ),
    },
  ];
};

/** What a running job does at this moment. */
const useLive = ({ status, progress }: Job): Fact[] => {
  const { t } = useTranslation("training");
  const format = useFormat();
  if (status !== "running") return [];
  const { rows_per_second: rows, memory_bytes: memory, learning_rate: rate, device } = progress;
  const megabytes = memory ? format.number(Math.round(memory / MEGA)) : undefined;
  const facts: [string, string | undefined][] = [
    [t("job.rows"), rows ? format.number(Math.round(rows)) : undefined],
    [t("job.rate"), rate?.toPrecision(RATE_DIGITS)],
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
  const live = useLive(job);
  const contract = useContract(job);
  const waiting = useWaiting(job);
  const running = !jobEnded(job.status);
  const left = job.status === "running" ? job.progress.eta_seconds : null;
  const took = job.finished_at
    ? secondsBetween(dateOf(job.created_at), dateOf(job.finished_at))
    : undefined;
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
              ? {
                  label: t("job.left"),
                  value: left ? format.span(left) : "–",
                }
              : { label: t("job.took"), value: took === undefined ? "–" : format.span(took) },
            { label: t("columns.base"), value: job.model },
            { label: t("columns.tier"), value: known("tiers", job.tier) ?? job.tier },
            ...(job.preset
              ? [
                  {
                    label: t("form.preset"),
                    value: known(`presets.${job.preset}`, "name") ?? job.preset,
                  },
                ]
              : []),
            ...waiting,
            ...live,
            ...(job.continue_from ? [{ label: t("job.parent"), value: job.continue_from }] : []),
            ...contract,
            ...(job.trained_tokens
              ? [{ label: t("columns.tokens"), value: format.number(job.trained_tokens) }]
              : []),
          ]}
        />
      </Stack>
    </Panel>
  );
};
