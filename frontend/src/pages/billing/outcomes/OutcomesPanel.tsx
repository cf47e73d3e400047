import { SegmentedControl, Stack, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { outcomesQuery } from "@/api/outcomes";
import type { Outcome } from "@/api/types";
import { useOrg } from "@/lib/useOrg";
import { Panel } from "@/ui/Panel";
import { Paged } from "../Paged";
import { DisputeDialog } from "./DisputeDialog";
import { OutcomeLine } from "./OutcomeLine";
import classes from "./Outcomes.module.css";

const STATES = ["all", "pending", "confirmed", "assumed", "disputed", "reversed"] as const;

/** The contract's outcomes, each with what shows it and the way to dispute it. */
export const OutcomesPanel = ({ contract }: { contract: string }) => {
  const { t } = useTranslation("contracts");
  const [shown, setShown] = useState<(typeof STATES)[number]>("all");
  const [disputed, setDisputed] = useState<Outcome>();
  const state = shown === "all" ? undefined : shown;
  const outcomes = useInfiniteQuery(outcomesQuery(useOrg(), contract, state));
  return (
    <Panel title={t("outcomes.title")}>
      <Stack gap="sm">
        <div className={classes.states}>
          <SegmentedControl
            aria-label={t("outcomes.filter")}
            size="xs"
            value={shown}
            onChange={(value) => setShown(value as typeof shown)}
            data={STATES.map((value) => ({ value, label: t(`states.${value}`) }))}
          />
        </div>
        <Paged
          query={outcomes}
          empty={<Text c="dimmed">{t(state ? "outcomes.noneOfState" : "outcomes.none")}</Text>}
        >
          {(rows) => (
            <ul className={classes.list} aria-label={t("outcomes.title")}>
              {rows.map((row) => (
                <OutcomeLine key={row.id} outcome={row} onDispute={() => setDisputed(row)} />
              ))}
            </ul>
          )}
        </Paged>
      </Stack>
      {disputed ? (
        <DisputeDialog outcome={disputed} onClose={() => setDisputed(undefined)} />
      ) : null}
    </Panel>
  );
};
