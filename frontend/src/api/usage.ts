/** What was used and what is left; and the first-steps list. */
import { queryOptions } from "@tanstack/react-query";
import { get } from "./client";
import type { Balance, Home, List, Membership, UsagePage } from "./types";

const DAY_SECONDS = 86_400;

export const usageQuery = (org: Membership, days: number) =>
  queryOptions({
    queryKey: [org.id, "usage", days],
    queryFn: () => {
      const today = Math.floor(Date.now() / 1000 / DAY_SECONDS) * DAY_SECONDS;
      const start = today - (days - 1) * DAY_SECONDS;
      return get<UsagePage>("/v1/usage", {
        org: org.id,
        query: { start_time: start, bucket_width: "1d", limit: days, group_by: "model" },
      });
    },
  });

export const balanceQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "balance"],
    queryFn: () => get<List<Balance>>("/v1/billing/balance", { org: org.id }),
  });

export const homeQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "home"],
    queryFn: () => get<Home>("/v1/home", { org: org.id }),
    refetchInterval: 10_000,
  });
