/** The automatic top-up's form, and what it means to the server. */
import type { AutoTopUp, AutoTopUpDraft } from "@/api/types";
import { type AmountFault, amountFault, type Bounds } from "@/lib/money";

export type AutoTopUpValues = {
  enabled: boolean;
  threshold: string | number;
  amount: string | number;
  dailyCap: string | number;
};

export const SUMS = ["threshold", "amount", "dailyCap"] as const;
export type Sum = (typeof SUMS)[number];
export type SumFault = AmountFault | "capBelow";

export const autoTopUpValues = (kept: AutoTopUp): AutoTopUpValues => ({
  enabled: kept.enabled,
  threshold: kept.threshold ?? "",
  amount: kept.amount ?? "",
  dailyCap: kept.daily_cap ?? "",
});

const textOf = (value: string | number): string | null => (value === "" ? null : String(value));

export const autoTopUpDraft = (values: AutoTopUpValues): AutoTopUpDraft => ({
  enabled: values.enabled,
  threshold: textOf(values.threshold),
  amount: textOf(values.amount),
  daily_cap: textOf(values.dailyCap),
});

/** Any sum may be the mark below which it acts; what is charged keeps the bounds of a top-up. */
export const sumFault = (
  name: Sum,
  values: AutoTopUpValues,
  currency: string,
  bounds: Bounds,
): SumFault | undefined => {
  if (!values.enabled && values[name] === "") return undefined;
  if (name === "amount") return amountFault(values.amount, currency, bounds);
  const fault = amountFault(values[name], currency, { least: "0", most: bounds.most });
  if (name === "threshold" || fault === "needed" || fault === "coins") return fault;
  // a cap above the largest single top-up is fine
  return Number(values.dailyCap) < Number(values.amount) ? "capBelow" : undefined;
};
