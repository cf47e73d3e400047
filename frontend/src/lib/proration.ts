/** What a change of plan costs today: the new fee for the rest of the period, less the old one's. */
import type { Plan, Subscription } from "@/api/types";
import { dateOf } from "./format";
import { type Amount, decimalsOf } from "./money";

type Costs = Pick<Plan, "code" | "fee" | "currency" | "period">;
type Standing = Pick<Subscription, "current_period"> & { plan: Costs | null };

export type Proration = {
  /** For the new plan until the period ends. */
  begun: Amount;
  /** Given back of the plan there is. */
  unused: Amount;
  today: Amount;
};

/** Half a coin up, as the server rounds each line. */
const inCoins = (amount: number, currency: string): number =>
  Math.round(amount * 10 ** decimalsOf(currency));

const textOf = (coins: number, currency: string): Amount => {
  const decimals = decimalsOf(currency);
  return (coins / 10 ** decimals).toFixed(decimals);
};

const shareLeft = ({ starts_at, ends_at }: Standing["current_period"], now: Date): number => {
  const [begins, ends] = [dateOf(starts_at).getTime(), dateOf(ends_at).getTime()];
  return Math.min(1, Math.max(0, (ends - now.getTime()) / (ends - begins)));
};

export const prorated = (plan: Costs, standing: Standing, now: Date = new Date()): Proration => {
  const { plan: old, current_period: period } = standing;
  const left = shareLeft(period, now);
  // a period of another length begins anew, and so does the first
  const keepsPeriod = old?.period === plan.period;
  const begun = inCoins(Number(plan.fee) * (keepsPeriod ? left : 1), plan.currency);
  const unused = inCoins(old ? Number(old.fee) * left : 0, plan.currency);
  return {
    begun: textOf(begun, plan.currency),
    unused: textOf(unused, plan.currency),
    today: textOf(begun - unused, plan.currency),
  };
};
