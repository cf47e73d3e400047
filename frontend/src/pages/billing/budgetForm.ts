/** The budget form's values, and what they mean to the server. */
import type { Budget, BudgetDraft } from "@/api/types";

export type BudgetValues = {
  unit: string;
  window: BudgetDraft["window"];
  amount: string | number;
  enforcement: "hard" | "soft";
  alerts: string;
  scope: "organization" | "member" | "key";
  subject: string;
};

export const MOST_ALERTS = 10;
const MOST_PERCENT = 1000;

/** "50, 80 100" as numbers; undefined when it is anything else. */
export const alertsOf = (text: string): number[] | undefined => {
  const parts = text.split(/[\s,;，、%]+/).filter((part) => part !== "");
  const numbers = parts.map(Number);
  const fine = numbers.every((one) => Number.isInteger(one) && one >= 1 && one <= MOST_PERCENT);
  return fine && numbers.length <= MOST_ALERTS
    ? [...new Set(numbers)].sort((a, b) => a - b)
    : undefined;
};

export const draftOf = (values: BudgetValues): BudgetDraft => ({
  unit: values.unit,
  window: values.window,
  amount: String(values.amount),
  enforcement: values.enforcement,
  alerts: alertsOf(values.alerts) ?? [],
  ...(values.scope === "organization" ? {} : { subject: values.subject }),
});

/** The form of a budget there is; without one, of a new one. */
export const valuesOf = (budget: Budget | undefined): BudgetValues => ({
  unit: budget?.unit ?? "prediction",
  window: budget?.window ?? "month",
  amount: budget?.amount ?? "",
  enforcement: budget?.enforcement ?? "hard",
  alerts: (budget?.alerts ?? [50, 80, 100]).join(", "),
  scope: budget?.scope === "member" || budget?.scope === "key" ? budget.scope : "organization",
  subject: budget?.subject ?? "",
});
