/** What a list may say of a webhook in a word, and what an address must look like. */
import type { Delivery, Webhook } from "@/api/types";

export type WebhookStatus = "enabled" | "disabled" | "failing";

export const statusOf = (webhook: Webhook): WebhookStatus => {
  if (!webhook.enabled) return "disabled";
  return webhook.failing_since ? "failing" : "enabled";
};

/** The server decides; this saves a round trip for what is plainly no address. */
export const isAddress = (text: string): boolean => {
  try {
    const { protocol, hostname } = new URL(text);
    return /^https?:$/.test(protocol) && hostname !== "";
  } catch {
    return false;
  }
};

/** A url in a list: its query may be a secret of the receiver's. */
export const shortUrl = (url: string): string => url.replace(/^https:\/\//, "").split("?")[0] ?? "";

const SOON_MS = 10_000;

/** Whether an attempt is about to be made; one that waits for hours is not watched. */
export const isImminent = (delivery: Delivery, now: number): boolean =>
  delivery.state === "waiting" &&
  Date.parse(String(delivery.next_attempt_at ?? "")) < now + SOON_MS;
