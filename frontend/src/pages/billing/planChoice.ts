/** How each plan stands to the one there is. */
import type { PlanDraft } from "@/api/billing";
import type { PlanOffer, Subscription } from "@/api/types";

export type Standing = "current" | "keep" | "next" | "other";

export const standingOf = (
  code: string,
  { plan, next, ends_at: end }: Pick<Subscription, "plan" | "next" | "ends_at">,
): Standing => {
  if (next?.plan.code === code) return "next";
  if (plan?.code !== code) return "other";
  return next || end ? "keep" : "current";
};

type Costs = Pick<PlanOffer, "code" | "fee" | "overage">;

/** By its fee, or by invoice for what is used beyond its units. */
export const mustBePaid = ({ fee, overage }: Costs): boolean =>
  Number(fee) > 0 || overage.mode === "invoice";

/** The first plan's periods begin at midnight where the person is. */
export const draftOf = (plan: PlanOffer, subscription: Subscription): PlanDraft =>
  subscription.plan
    ? { plan: plan.code }
    : { plan: plan.code, time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone };
