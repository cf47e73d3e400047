import { expect, test } from "vitest";
import type { ApiKey } from "@/api/types";
import { limitsOf, limitValuesOf } from "@/pages/keys/limits";

test("an empty field takes a limit away, a number sets it", () => {
  expect(limitsOf({ requests_per_minute: 60, calls_in_flight: "" })).toEqual({
    requests_per_minute: 60,
    calls_in_flight: null,
  });
  expect(limitsOf({ requests_per_minute: "600", calls_in_flight: 2 })).toEqual({
    requests_per_minute: 600,
    calls_in_flight: 2,
  });
});

test("a key's limits stand in the form, a new key's are empty", () => {
  const key = { id: "key_1", requests_per_minute: null, calls_in_flight: 3 } as ApiKey;
  expect(limitValuesOf(key)).toEqual({ requests_per_minute: "", calls_in_flight: 3 });
  expect(limitValuesOf()).toEqual({ requests_per_minute: "", calls_in_flight: "" });
});
