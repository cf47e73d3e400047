import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { jobEnded, jobEventsQuery } from "@/api/training";
import type { Job, JobEvent } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { useOrg } from "@/lib/useOrg";
import { Panel } from "@/ui/Panel";
import classes from "./JobLog.module.css";
import { warningValues } from "./warnings";

const POLL_MS = 3000;

type Props = { job: Job; lines: readonly JobEvent[]; live: boolean; broken: boolean };

/** The stream's lines; when the stream cannot be had, the job's events by polling. */
const useLines = ({ job, lines, broken }: Props): readonly JobEvent[] => {
  const events = useQuery({
    ...jobEventsQuery(useOrg(), job.id),
    enabled: broken,
    refetchInterval: jobEnded(job.status) ? false : POLL_MS,
  });
  if (!broken || !events.data) return lines;
  return events.data.data.filter((event) => event.type === "message").reverse();
};

export const JobLog = (props: Props) => {
  const { t, i18n } = useTranslation("training");
  const format = useFormat();
  const known = useKnown("training");
  const lines = useLines(props);
  const end = useRef<HTMLDivElement>(null);
  const count = lines.length;
  useEffect(() => {
    const box = end.current;
    if (box && count > 0) box.scrollTop = box.scrollHeight;
  }, [count]);
  const state = props.live ? t("log.live") : props.broken ? t("log.polling") : t("log.ended");
  return (
    <Panel
      title={t("log.title")}
      aside={
        <Text size="sm" c="dimmed">
          {state}
        </Text>
      }
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section ref={end} className={classes.log} tabIndex={0} aria-label={t("log.title")}>
        {lines.length === 0 ? t("log.empty") : null}
        {lines.map((line) => (
          <div key={line.id} className={classes.line} data-level={line.level}>
            <span className={classes.time}>{format.clock(line.created_at)}</span>
            <span>
              {known("log.codes", line.code, warningValues(line, i18n.language)) ?? line.message}
            </span>
          </div>
        ))}
      </section>
    </Panel>
  );
};
