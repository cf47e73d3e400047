import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test, vi } from "vitest";
import type { Delivery, Webhook } from "@/api/types";
import { verifySnippets } from "@/lib/webhookSnippets";
import { isAddress, isImminent, shortUrl, statusOf } from "@/lib/webhooks";

const webhook = (fields: Partial<Webhook>) => ({ enabled: true, failing_since: null, ...fields });
const delivery = (fields: Partial<Delivery>) => fields as Delivery;

test("a webhook's state is one word", () => {
  expect(statusOf(webhook({}) as Webhook)).toBe("enabled");
  expect(statusOf(webhook({ failing_since: "2026-01-01T00:00:00Z" }) as Webhook)).toBe("failing");
  const off = webhook({ enabled: false, failing_since: "2026-01-01T00:00:00Z" });
  expect(statusOf(off as Webhook)).toBe("disabled");
});

test("an address is a whole one", () => {
  expect(isAddress("https://example.com/hooks")).toBe(true);
  for (const text of ["", "example.com", "ftp://example.com", "https://", "javascript:alert(1)"]) {
    expect(isAddress(text)).toBe(false);
  }
});

test("a list does not show what a url's query says", () => {
  expect(shortUrl("https://example.com/hooks?token=secret")).toBe("example.com/hooks");
});

test("only what is about to be sent is watched", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const soon = { state: "waiting", next_attempt_at: "2026-01-01T00:00:05Z" } as const;
  expect(isImminent(delivery(soon), now)).toBe(true);
  expect(isImminent(delivery({ ...soon, next_attempt_at: "2026-01-01T05:00:00Z" }), now)).toBe(
    false,
  );
  expect(isImminent(delivery({ state: "delivered", next_attempt_at: null }), now)).toBe(false);
});

test("the page's code is the manual's", () => {
  const manual = readFileSync("../docs/webhooks.md", "utf8");
  for (const { code } of verifySnippets()) expect(manual).toContain(code);
});

test("the Node code accepts what is signed and nothing else", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "anneal-")), "verify.mjs");
  writeFileSync(file, verifySnippets().find(({ title }) => title === "Node")?.code ?? "");
  const { verified } = await import(/* @vite-ignore */ pathToFileURL(file).href);
  const key = Buffer.from("0123456789abcdef0123456789abcdef");
  vi.stubEnv("ANNEAL_WEBHOOK_SECRET", `whsec_${key.toString("base64")}`);
  const body = Buffer.from('{"id":"evt_1","data":{"text":"好"}}');
  const at = String(Math.floor(Date.now() / 1000));
  const sign = (time: string) =>
    `v1,${createHmac("sha256", key).update(`evt_1.${time}.`).update(body).digest("base64")}`;
  const headers = (time: string, signature: string) => ({
    "webhook-id": "evt_1",
    "webhook-timestamp": time,
    "webhook-signature": signature,
  });

  expect(verified(body, headers(at, sign(at))).id).toBe("evt_1");
  expect(verified(body, headers(at, `v1,AAAA ${sign(at)}`)).data.text).toBe("好");
  expect(() => verified(Buffer.from("{}"), headers(at, sign(at)))).toThrow("not signed");
  expect(() => verified(body, headers(at, ""))).toThrow("not signed");
  const old = String(Number(at) - 301);
  expect(() => verified(body, headers(old, sign(old)))).toThrow("too old");
  expect(() => verified(body, headers("x", sign("x")))).toThrow("too old");
  vi.unstubAllEnvs();
});
