import { Text } from "@mantine/core";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { JobEvent } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { Panel } from "@/ui/Panel";
import classes from "./JobLog.module.css";
import { warningValues } from "./warnings";

type Props = { lines: readonly JobEvent[]; live: boolean; broken: boolean };

export const JobLog = ({ lines, live, broken }: Props) => {
  const { t, i18n } = useTranslation("training");
  const format = useFormat();
  const known = useKnown("training");
  const end = useRef<HTMLDivElement>(null);
  const count = lines.length;
  useEffect(() => {
    const box = end.current;
    if (box && count > 0) box.scrollTop = box.scrollHeight;
  }, [count]);
  const state = live ? t("log.live") : broken ? t("log.polling") : t("log.ended");
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
