import { expect, test, vi } from "vitest";
import { filtersOf } from "@/pages/predictions/LogFilter";
import { draftOf, valuesOf } from "@/pages/predictions/logForm";

const LOG = {
  enabled: true,
  percent: 20,
  days: 7,
  texts: true,
  redact: ["email" as const, "card" as const],
  words: ["Jane Doe", "KD-####"],
  rows: 3,
  days_counted: [],
};

test("the settings come back from the form as they were", () => {
  const { rows: _, days_counted: __, ...settings } = LOG;
  expect(draftOf(valuesOf(LOG))).toEqual(settings);
});

test("words are one a line, kinds in their own order", () => {
  const values = { ...valuesOf(LOG), words: "\n a b \n\nc", redact: ["number", "email"] };
  expect(draftOf(values)).toMatchObject({ words: ["a b", "c"], redact: ["email", "number"] });
});

test("a filter that is left empty asks for nothing", () => {
  expect(filtersOf({ label: " ", model: "", below: "", from: "", to: "" })).toEqual({});
  const day = new Date(2026, 10, 26).getTime() / 1000;
  expect(
    filtersOf({ label: "up", model: "", below: 60, from: "2026-11-26", to: "2026-11-26" }),
  ).toEqual({ label: "up", score_below: 0.6, from: day, to: day + 86_400 });
});

test("a day on which the clock is set ends with its own last second", () => {
  vi.stubEnv("TZ", "Europe/Berlin");
  const { from = 0, to = 0 } = filtersOf({
    label: "",
    model: "",
    below: "",
    from: "2026-10-25",
    to: "2026-10-25",
  });
  vi.unstubAllEnvs();
  expect((to - from) / 3600).toBe(25);
});
