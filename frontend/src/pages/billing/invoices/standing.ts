/** How an invoice stands, in one word. */

import type { Invoice } from "@/api/types";
import { dateOf } from "@/lib/format";

export type Standing = Invoice["status"] | "overdue";

export const standingOf = (
  { status, due_at: due }: Pick<Invoice, "status" | "due_at">,
  now: Date = new Date(),
): Standing => (status === "open" && dateOf(due) < now ? "overdue" : status);

/** Whether the customer can still pay it. */
export const isPayable = ({ amount_due }: Pick<Invoice, "amount_due">): boolean =>
  Number(amount_due) > 0;
