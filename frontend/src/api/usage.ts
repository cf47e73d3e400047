/** What was used and what is left; and the first-steps list. */
import { queryOptions } from "@tanstack/react-query";
import { type Group, type Period, periodStart } from "@/lib/periods";
import { api, dataOf, forOrg } from "./client";
import type { Membership, UsageBucket, UsagePage } from "./types";

const REFRESH_MS = 10_000;
/** The most days that one answer holds. */
const PAGE_DAYS = 31;

/** Every day of the period, asked for a page at a time. */
const bucketsAll = async (
  org: Membership,
  period: Period,
  group: Group,
): Promise<UsageBucket[]> => {
  const buckets: UsageBucket[] = [];
  let page: string | null = null;
  do {
    const query = {
      start_time: periodStart(period),
      bucket_width: "1d" as const,
      limit: PAGE_DAYS,
      ...(group === "meter" ? {} : { "group_by[]": [group] }),
      ...(page ? { page } : {}),
    };
    const answer: UsagePage = await dataOf(
      api.GET("/v1/usage", { ...forOrg(org), params: { query } }),
    );
    buckets.push(...answer.data);
    page = answer.has_more ? answer.next_page : null;
  } while (page);
  return buckets;
};

/** Where the group stands in the key below. */
const GROUP_PLACE = 3;

export const usageQuery = (org: Membership, period: Period, group: Group) =>
  queryOptions({
    queryKey: [org.id, "usage", period, group],
    queryFn: () => bucketsAll(org, period, group),
    // Another period may stand in while one loads; sums by another group would be misread.
    placeholderData: (before, query) =>
      query?.queryKey[GROUP_PLACE] === group ? before : undefined,
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
