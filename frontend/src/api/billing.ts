/** Plans, prices, promotion codes, budgets, notices and the forecast. */
import { queryOptions } from "@tanstack/react-query";
import { api, dataOf, forOrg, longPage, once } from "./client";
import type { BudgetDraft, Membership } from "./types";

const PRICES_STALE_MS = 60_000;
const NOTICES_REFRESH_MS = 60_000;

/** Public, as a price list is. */
export const plansQuery = queryOptions({
  queryKey: ["plans"],
  queryFn: () => dataOf(api.GET("/v1/billing/plans")),
  staleTime: PRICES_STALE_MS,
});

export const pricesQuery = queryOptions({
  queryKey: ["prices"],
  queryFn: () => dataOf(api.GET("/v1/billing/prices")),
  staleTime: PRICES_STALE_MS,
});

export const grantsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "grants"],
    queryFn: () => dataOf(api.GET("/v1/billing/grants", forOrg(org))),
  });

export const forecastQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "forecast"],
    queryFn: () => dataOf(api.GET("/v1/billing/forecast", forOrg(org))),
  });

export const subscriptionQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "subscription"],
    queryFn: () => dataOf(api.GET("/v1/billing/subscription", forOrg(org))),
  });

/** The first plan's periods begin at midnight where the person is; later ones keep that zone. */
export type PlanDraft = { plan: string; time_zone?: string };

export const planChange = (org: Membership, body: PlanDraft) =>
  dataOf(api.POST("/v1/billing/subscription", { ...once(org, body), body }));

/** What the change would cost now, by the server's own change, which it undoes. */
export const planPreviewQuery = (org: Membership, body: PlanDraft) =>
  queryOptions({
    queryKey: [org.id, "subscription", "preview", body],
    queryFn: () => dataOf(api.POST("/v1/billing/subscription/preview", { ...forOrg(org), body })),
    staleTime: 0,
  });

export const cancellationQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "cancellation"],
    queryFn: () => dataOf(api.GET("/v1/billing/subscription/cancellation", forOrg(org))),
  });

export type CancellationDraft = { when: "period_end" | "now" };

export const cancellationMake = (org: Membership, body: CancellationDraft) =>
  dataOf(api.POST("/v1/billing/subscription/cancellation", { ...once(org, body), body }));

export const cancellationUndo = (org: Membership) =>
  dataOf(api.DELETE("/v1/billing/subscription/cancellation", forOrg(org)));

export const redemptionsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "redemptions"],
    queryFn: () => dataOf(api.GET("/v1/billing/promotion_codes", { ...forOrg(org), ...longPage })),
  });

export const codeRedeem = (org: Membership, body: { code: string }) =>
  dataOf(api.POST("/v1/billing/promotion_codes/redeem", { ...once(org, body), body }));

export const budgetsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "budgets"],
    queryFn: () => dataOf(api.GET("/v1/billing/budgets", forOrg(org))),
  });

/** The same subject, unit and window again changes the budget. */
export const budgetSet = (org: Membership, body: BudgetDraft) =>
  dataOf(api.POST("/v1/billing/budgets", { ...forOrg(org), body }));

export const budgetRemove = async (org: Membership, id: string): Promise<void> => {
  await api.DELETE("/v1/billing/budgets/{budget_id}", {
    ...forOrg(org),
    params: { path: { budget_id: id } },
  });
};

export const noticesQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "notices"],
    queryFn: () => dataOf(api.GET("/v1/billing/notices", { ...forOrg(org), ...longPage })),
    refetchInterval: NOTICES_REFRESH_MS,
  });
