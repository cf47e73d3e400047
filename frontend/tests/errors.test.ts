import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { errorFrom, isApiError } from "@/api/errors";
import { retryable } from "@/api/queryClient";
import { en } from "@/i18n/en";
import { zhHans } from "@/i18n/zh-Hans";

const headers = (values: Record<string, string> = {}) => new Headers(values);

test("our own body gives code, sentence and field", () => {
  const body = {
    error: {
      message: "Use a name.",
      type: "invalid_request_error",
      param: "name",
      code: "invalid_request",
    },
  };
  const error = errorFrom(400, JSON.stringify(body), headers({ "x-request-id": "req_1" }));
  expect(error).toMatchObject({ status: 400, code: "invalid_request", requestId: "req_1" });
  expect(error.fields).toEqual({ name: "Use a name." });
});

test("allauth's body gives a message for each field", () => {
  const body = {
    status: 400,
    errors: [{ message: "Taken.", code: "email_taken", param: "email" }],
  };
  const error = errorFrom(400, JSON.stringify(body), headers());
  expect(error.code).toBe("email_taken");
  expect(error.fields).toEqual({ email: "Taken." });
});

test("a body that is no JSON still becomes an error", () => {
  expect(errorFrom(502, "<html>", headers()).code).toBe("server_error");
  expect(errorFrom(404, "", headers()).code).toBe("http_404");
  expect(errorFrom(400, "null", headers()).code).toBe("http_400");
});

test("Retry-After is read in seconds and nonsense is ignored", () => {
  expect(errorFrom(429, "{}", headers({ "retry-after": "7" })).retryAfter).toBe(7);
  expect(errorFrom(429, "{}", headers({ "retry-after": "soon" })).retryAfter).toBeUndefined();
});

test("refusals are not asked again, a busy server is, twice", () => {
  const busy = errorFrom(503, "{}", headers());
  const refused = errorFrom(402, "{}", headers());
  expect(retryable(0, busy)).toBe(true);
  expect(retryable(2, busy)).toBe(false);
  expect(retryable(0, refused)).toBe(false);
  expect(retryable(0, new Error("other"))).toBe(false);
  expect(isApiError(new Error("other"))).toBe(false);
});

/** Shown, if ever, in the server's own English words. */
const SERVERS_OWN = {
  namesTheField: ["invalid_request"],
  ofTheConsole: [
    ...["amount_invalid", "currency_decimals", "currency_unknown", "discount_mismatch"],
    ...["discount_not_found", "grant_invalid", "grant_not_found", "grant_spent", "match_invalid"],
    ...["meter_invalid", "meter_taken", "plan_invalid", "plan_published", "plan_taken"],
    ...["price_invalid", "price_overlaps", "promotion_invalid", "promotion_taken"],
    ...["refund_exceeds_capture", "refund_invalid", "refund_mismatch", "tiers_invalid"],
    ...["credit_note_exceeded", "credit_note_invalid", "credit_note_mismatch", "invoice_empty"],
    ...["invoice_loop", "outcome_policy_invalid", "outcome_policy_taken", "payment_exceeded"],
    ...["payment_disputed", "payment_empty", "payment_event_done", "refund_exceeds_payment"],
    ...["meter_export_state", "refund_sent"],
    ...["payment_mismatch", "seller_invalid", "signature_invalid"],
    ...["tax_rate_invalid", "tax_rate_not_found", "top_up_spent"],
  ],
  ofWork: [
    ...["event_conflict", "hold_closed", "hold_exceeded", "hold_expired", "hold_mismatch"],
    ...["hold_not_found", "row_invalid", "usage_batch_too_large", "usage_event_not_found"],
    ...["usage_invalid", "invoice_item_conflict", "invoice_item_invalid", "invoice_item_not_found"],
  ],
  ofPrograms: [
    ...["base_model_not_found", "event_type_unknown", "file_purpose_invalid"],
    ...["idempotency_mismatch", "invalid_json", "meter_unknown", "method_not_allowed"],
    ...["method_unsupported", "organization_required", "task_unsupported", "tier_unsupported"],
    ...["unit_unknown", "units_invalid", "unsupported_media_type"],
  ],
};

test("each code of a refusal has a text in both languages, or is left to the server knowingly", () => {
  const table = readFileSync("../docs/errors.md", "utf8");
  const codes = new Set([...table.matchAll(/^\| \d+ \| `(\w+)`/gm)].map((match) => match[1] ?? ""));
  const left = Object.values(SERVERS_OWN).flat();
  for (const { errors, refusals } of [en, zhHans]) {
    const texts = { ...errors.codes, ...refusals.codes };
    expect([...codes].filter((code) => !(code in texts)).sort()).toEqual(left.toSorted());
  }
});

test("each way in which a job fails has a text in both languages", () => {
  const [, after = ""] = readFileSync("../docs/errors.md", "utf8").split(
    "A fine-tuning job that failed",
  );
  const [table = ""] = after.split("\n\n").filter((part) => part.startsWith("| code"));
  const cells = [...table.matchAll(/^\| (`[^|]*`) \|/gm)].map((match) => match[1] ?? "");
  const codes = cells.flatMap((cell) => [...cell.matchAll(/\w+/g)].map(([code]) => code));
  expect(codes).toContain("worker_error");
  for (const { training } of [en, zhHans]) {
    expect(codes.filter((code) => !(code in training.failures))).toEqual([]);
  }
});
