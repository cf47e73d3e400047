/** Which notices are new to this browser: those after the newest one that was shown here. */
import type { Notice } from "@/api/types";
import { dateOf } from "./format";

export const SEEN_KEY = "anneal-notices-seen";

const timeOf = (notice: Notice): number => dateOf(notice.reached_at).getTime();

/** Newest first, and of one moment the highest mark first. */
export const noticesSorted = (notices: readonly Notice[]): Notice[] =>
  [...notices].sort((a, b) => timeOf(b) - timeOf(a) || b.threshold - a.threshold);

/** Milliseconds of the newest notice; 0 without any. */
export const newestOf = (notices: readonly Notice[]): number => Math.max(0, ...notices.map(timeOf));

export const unreadOf = (notices: readonly Notice[], seen: number): number =>
  notices.filter((notice) => timeOf(notice) > seen).length;

const MOST_SHOWN = 9;

/** A count that fits a badge. */
export const countText = (count: number): string =>
  count > MOST_SHOWN ? `${MOST_SHOWN}+` : String(count);
