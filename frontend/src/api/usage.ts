/** What was used and what is left; and the first-steps list. */
import { queryOptions } from "@tanstack/react-query";
import { api, dataOf, forOrg } from "./client";
import type { Membership } from "./types";

const DAY_SECONDS = 86_400;
const REFRESH_MS = 10_000;

/** The last `days` days, today included; at most 31. */
export const usageQuery = (org: Membership, days: number) =>
  queryOptions({
    queryKey: [org.id, "usage", days],
    queryFn: () => {
      const today = Math.floor(Date.now() / 1000 / DAY_SECONDS) * DAY_SECONDS;
      const query = {
        start_time: today - (days - 1) * DAY_SECONDS,
        bucket_width: "1d" as const,
        limit: days,
        "group_by[]": ["model" as const],
      };
      return dataOf(api.GET("/v1/usage", { ...forOrg(org), params: { query } }));
    },
  });

export const balanceQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "balance"],
    queryFn: () => dataOf(api.GET("/v1/billing/balance", forOrg(org))),
  });

export const homeQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "home"],
    queryFn: () => dataOf(api.GET("/v1/home", forOrg(org))),
    refetchInterval: REFRESH_MS,
  });
