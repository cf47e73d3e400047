import { Button, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { outcomesQuery } from "@/api/outcomes";
import { dateOf } from "@/lib/format";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { Panel } from "@/ui/Panel";
import { StatusBadge } from "@/ui/StatusBadge";
import { Paged } from "../Paged";
import type { Outcome } from "../payments.types";
import { DisputeDialog } from "./DisputeDialog";
import { Evidence } from "./Evidence";
import classes from "./Outcomes.module.css";

const STATES = ["all", "pending", "confirmed", "assumed", "disputed", "reversed"] as const;

/** Within its time, and once. */
const isDisputable = ({ state, disputable_until: until }: Outcome): boolean =>
  state !== "disputed" && state !== "reversed" && until !== null && dateOf(until) > new Date();

type LineProps = { outcome: Outcome; onDispute: () => void };

const Line = ({ outcome, onDispute }: LineProps) => {
  const { t } = useTranslation("contracts");
  const format = useFormat();
  const { subject, state, amount, currency, settle_at: settles } = outcome;
  return (
    <li className={classes.outcome}>
      <div className={classes.head}>
        <Group gap="sm">
          <Text fw={600}>{subject}</Text>
          <StatusBadge status={state} label={t(`states.${state}`)} />
        </Group>
        <Text className="tabular">{format.money(amount, currency)}</Text>
      </div>
      <Evidence evidence={outcome.evidence} />
      <div className={classes.head}>
        <Text size="sm" c="dimmed">
          {state === "pending" && settles
            ? t("outcomes.settles", { date: format.dateTime(settles) })
            : format.dateTime(outcome.created_at)}
        </Text>
        {isDisputable(outcome) ? (
          <Button
            variant="subtle"
            size="compact-sm"
            aria-label={t("dispute.named", { outcome: subject })}
            onClick={onDispute}
          >
            {t("dispute.open")}
          </Button>
        ) : null}
      </div>
    </li>
  );
};

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
                <Line key={row.id} outcome={row} onDispute={() => setDisputed(row)} />
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
