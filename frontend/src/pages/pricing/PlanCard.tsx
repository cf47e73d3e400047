import { Text, Title } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Plan } from "@/api/types";
import { inSentence } from "@/lib/format";
import { useFormat } from "@/lib/useFormat";
import { useNamed } from "@/lib/useNamed";
import classes from "./Pricing.module.css";

type Props = {
  plan: Plan;
  meterName: (meter: string) => string;
  action: ReactNode;
  /** The plan there is. */
  marked?: boolean;
};

/** What comes with the plan, in the order a buyer asks. */
const useLines = (plan: Plan, meterName: (meter: string) => string): string[] => {
  const { t } = useTranslation("pricing");
  const format = useFormat();
  const { limits, overage } = plan;
  const limit = (
    name: "seats" | "storage_gb" | "concurrency" | "requests_per_minute" | "calls_in_flight",
  ): string => {
    const count = limits[name];
    return count === null
      ? t(`plan.unlimited.${name}`)
      : t(`plan.${name}`, { count, number: format.number(count) });
  };
  const line = overage.credit_line
    ? t("plan.line", { amount: format.sum(overage.credit_line, plan.currency) })
    : t("plan.invoice");
  return [
    ...plan.included.map(({ meter, units }) =>
      t("plan.included", { units: format.number(units), meter: inSentence(meterName(meter)) }),
    ),
    ...plan.caps.map(({ unit, window, amount, enforcement }) =>
      t(`plan.cap.${enforcement}`, {
        amount:
          unit === plan.currency
            ? format.sum(amount, unit)
            : `${format.number(Number(amount))} ${inSentence(meterName(unit))}`,
        window: t(`plan.cap.${window}`),
      }),
    ),
    limit("seats"),
    limit("concurrency"),
    limit("requests_per_minute"),
    limit("calls_in_flight"),
    limit("storage_gb"),
    overage.mode === "block" ? t("plan.block") : line,
  ];
};

export const PlanCard = ({ plan, meterName, action, marked = false }: Props) => {
  const { t } = useTranslation("pricing");
  const format = useFormat();
  const named = useNamed();
  const free = Number(plan.fee) === 0;
  return (
    <li className={classes.plan} data-marked={marked || undefined}>
      <Title order={2} size="h3">
        {named(plan.name)}
      </Title>
      <p className={classes.fee}>
        <strong>{format.sum(plan.fee, plan.currency)}</strong>{" "}
        <Text span c="dimmed" size="sm">
          {free ? t("plan.free") : t(`plan.period.${plan.period}`)}
        </Text>
      </p>
      <ul className={classes.lines}>
        {useLines(plan, meterName).map((line) => (
          <li key={line}>
            <IconCheck size={16} aria-hidden="true" className={classes.check} />
            <span>{line}</span>
          </li>
        ))}
      </ul>
      <div className={classes.action}>{action}</div>
    </li>
  );
};
