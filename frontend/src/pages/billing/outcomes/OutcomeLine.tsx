import { Button, Group, Text } from "@mantine/core";
import { useDisclosure, useId } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { outcomeQuery } from "@/api/outcomes";
import type { Outcome, OutcomeWhole } from "@/api/types";
import { dateOf } from "@/lib/format";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { LinkAnchor } from "@/ui/links";
import { QueryView } from "@/ui/QueryView";
import { StatusBadge } from "@/ui/StatusBadge";
import { Evidence } from "./Evidence";
import classes from "./Outcomes.module.css";

/** Only what is owed, and for a while. */
const isDisputable = ({ state, dispute_until: until }: Outcome): boolean =>
  (state === "confirmed" || state === "assumed") && until !== null && dateOf(until) > new Date();

/** Where it was charged, and where it was given back. */
const Paid = ({ outcome }: { outcome: OutcomeWhole }) => {
  const { t } = useTranslation("contracts");
  const org = useOrg();
  const { payment, state, invoice, invoice_number: number } = outcome;
  if (payment === null) return null;
  if (invoice === null) {
    // what was given back stands among the evidence
    if (state === "reversed") return null;
    return <Text size="sm">{t(payment === "balance" ? "paidBy.balance" : "paidBy.next")}</Text>;
  }
  return (
    <LinkAnchor
      size="sm"
      to="/o/$org/billing/invoices/$invoiceId"
      params={{ org: org.slug, invoiceId: invoice }}
    >
      {t(state === "reversed" ? "paidBy.credited" : "paidBy.invoice", { number })}
    </LinkAnchor>
  );
};

/** What its state means, and until when something can be done about it. */
const useMeaning = () => {
  const { t } = useTranslation("contracts");
  const format = useFormat();
  return (outcome: Outcome): string => {
    const { state, settle_at: settles, dispute_until: until } = outcome;
    if (state === "pending") {
      return settles
        ? t("outcomes.settles", { date: format.dateTime(settles) })
        : t("stateTexts.pending_success_fee");
    }
    return [
      t(`stateTexts.${state}`),
      ...(isDisputable(outcome) && until
        ? [t("outcomes.disputable", { date: format.dateTime(until) })]
        : []),
    ].join(" · ");
  };
};

/** Every step an outcome took, who made it and on which grounds. */
const Steps = ({ outcome }: { outcome: Outcome }) => {
  const { t } = useTranslation("contracts");
  const format = useFormat();
  const whole = useQuery(outcomeQuery(useOrg(), outcome.id));
  return (
    <QueryView query={whole}>
      {(found) => (
        <>
          <Paid outcome={found} />
          <ol className={classes.steps}>
            {found.steps.map((step) => (
              <li key={`${step.at} ${step.state}`}>
                <Text size="sm" fw={600}>
                  {t(`states.${step.state}`)}
                  <Text span size="sm" c="dimmed" ml="sm" fw={400}>
                    {t("outcomes.step", { date: format.dateTime(step.at), actor: step.actor })}
                  </Text>
                </Text>
                <Evidence evidence={step.evidence} />
              </li>
            ))}
          </ol>
        </>
      )}
    </QueryView>
  );
};

type Props = { outcome: Outcome; onDispute: () => void };

export const OutcomeLine = ({ outcome, onDispute }: Props) => {
  const { t } = useTranslation("contracts");
  const format = useFormat();
  const id = useId();
  const [opened, evidence] = useDisclosure(false);
  const meaning = useMeaning();
  const { period, state, currency } = outcome;
  const name = period ? format.day(period.starts_at) : outcome.subject;
  return (
    <li className={classes.outcome}>
      <div className={classes.head}>
        <Group gap="sm">
          <Text fw={600}>{name}</Text>
          <StatusBadge status={state} label={t(`states.${state}`)} />
        </Group>
        <Text className="tabular">{format.money(outcome.amount, currency)}</Text>
      </div>
      <Text size="sm" c="dimmed">
        {period
          ? t("outcomes.reckoned", {
              count: Number(outcome.quantity),
              number: format.number(outcome.quantity),
              price: format.money(outcome.unit_price, currency),
            })
          : format.dateTime(outcome.created_at)}
      </Text>
      <Text size="sm">{meaning(outcome)}</Text>
      <Group gap="xs">
        <Button
          variant="subtle"
          size="compact-sm"
          aria-expanded={opened}
          aria-controls={id}
          aria-label={t("evidence.named", { open: t("evidence.open"), outcome: name })}
          onClick={evidence.toggle}
        >
          {t("evidence.open")}
        </Button>
        {isDisputable(outcome) ? (
          <Button
            variant="subtle"
            size="compact-sm"
            aria-label={t("dispute.named", { outcome: name })}
            onClick={onDispute}
          >
            {t("dispute.open")}
          </Button>
        ) : null}
      </Group>
      <div id={id}>{opened ? <Steps outcome={outcome} /> : null}</div>
    </li>
  );
};
