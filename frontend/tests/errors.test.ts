import { expect, test } from "vitest";
import { errorFrom, isApiError } from "@/api/errors";
import { retryable } from "@/api/queryClient";

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
