import { expect, test } from "vitest";
import type { Notice, UsageResult } from "@/api/types";
import { daily, linesOf, metersOf, sharesOf, tonesOf, totalOf } from "@/lib/buckets";
import { csvOf } from "@/lib/csv";
import {
  formatEstimate,
  formatMoney,
  formatSum,
  formatUnits,
  inSentence,
  isCurrency,
  priceScaled,
} from "@/lib/format";
import { countText, newestOf, noticesSorted, unreadOf } from "@/lib/notices";
import { periodStart } from "@/lib/periods";
import { alertsOf, draftOf, valuesOf } from "@/pages/billing/budgetForm";

const DAY = 86_400;

const used = (units: number, more: Partial<UsageResult> = {}): UsageResult => ({
  object: "usage.result",
  meter: "prediction",
  units,
  model: null,
  api_key_id: null,
  deployment_id: null,
  ...more,
});

const bucket = (start: number, ...results: UsageResult[]) => ({
  object: "bucket",
  start_time: start,
  end_time: start + DAY,
  results,
});

test("usage is summed by day and by whom", () => {
  const buckets = [
    bucket(0, used(3, { model: "a" })),
    bucket(DAY, used(4, { model: "b" })),
    bucket(2 * DAY, used(5, { model: "a" }), used(9, { meter: "trained_token", model: "a" })),
  ];
  expect(metersOf(buckets)).toEqual(["prediction", "trained_token"]);
  expect(totalOf(buckets, "prediction")).toBe(12);
  expect(sharesOf(buckets, "prediction", "model")).toEqual([
    { member: "a", units: 8 },
    { member: "b", units: 4 },
  ]);
  expect(daily(buckets, "prediction", "model", tonesOf(buckets, "model"))).toEqual([
    { start: 0, units: 3, parts: [3, 0, 0, 0, 0] },
    { start: DAY, units: 4, parts: [0, 4, 0, 0, 0] },
    { start: 2 * DAY, units: 5, parts: [5, 0, 0, 0, 0] },
  ]);
  expect(sharesOf(buckets, "prediction", "api_key_id")).toEqual([{ member: "", units: 12 }]);
  expect(linesOf(buckets, "model").map(({ start, meter, units }) => [start, meter, units])).toEqual(
    [
      [2 * DAY, "prediction", 5],
      [2 * DAY, "trained_token", 9],
      [DAY, "prediction", 4],
      [0, "prediction", 3],
    ],
  );
});

test("more members than colours share the last one and lose nothing", () => {
  const names = ["a", "b", "c", "d", "e", "f", "g"];
  const results = names.map((name, place) => used(100 - place, { api_key_id: name }));
  const buckets = [bucket(0, ...results)];
  const tones = tonesOf(buckets, "api_key_id");
  const [day] = daily(buckets, "prediction", "api_key_id", tones);
  expect(day?.parts).toEqual([100, 99, 98, 97, 96 + 95 + 94]);
  expect(day?.units).toBe(day?.parts.reduce((all, part) => all + part, 0));
  expect(names.map((name) => tones.get(name))).toEqual([1, 2, 3, 4, 5, 5, 5]);
});

test("a period begins on a day of UTC", () => {
  const now = Date.UTC(2026, 10, 25, 23, 30);
  const day = (month: number, date: number) => Date.UTC(2026, month, date) / 1000;
  expect(periodStart("7", now)).toBe(day(10, 19));
  expect(periodStart("90", now)).toBe(day(7, 28));
  expect(periodStart("month", now)).toBe(day(10, 1));
});

test("a spreadsheet gets cells and never a formula", () => {
  expect(
    csvOf([
      ["day", "name", "units"],
      ["2026-01-31", 'a "b", c', 1.5],
      ["2026-01-31", "=HYPERLINK(1)", -2],
      ["2026-01-31", "@x", 0],
    ]),
  ).toBe(
    'day,name,units\r\n2026-01-31,"a ""b"", c",1.5\r\n2026-01-31,\'=HYPERLINK(1),-2\r\n2026-01-31,\'@x,0\r\n',
  );
});

test("small prices are shown by the thousand or million, exactly", () => {
  expect(priceScaled("0.0001")).toEqual({ amount: 0.1, per: 1_000 });
  expect(priceScaled("0.0000005")).toEqual({ amount: 0.5, per: 1_000_000 });
  expect(priceScaled("0.00000000001")).toEqual({ amount: 0.00001, per: 1_000_000 });
  expect(priceScaled("19")).toEqual({ amount: 19, per: 1 });
  expect(priceScaled("0")).toEqual({ amount: 0, per: 1 });
  expect(formatMoney("0.0000000005", "USD", "en")).toBe("$0.0000000005");
});

test("units that are money look like money", () => {
  expect(isCurrency("USD")).toBe(true);
  expect(isCurrency("prediction")).toBe(false);
  expect(formatUnits("12.5", "USD", "en")).toBe("$12.50");
  expect(formatUnits(12_000, "prediction", "en")).toBe("12,000");
  expect([formatSum("19", "USD", "en"), formatSum("19.5", "USD", "en")]).toEqual(["$19", "$19.50"]);
  expect(["Trained tokens", "GB-hours", "预测"].map(inSentence)).toEqual([
    "trained tokens",
    "GB-hours",
    "预测",
  ]);
  expect(formatEstimate("12.34567", "USD", "en")).toBe("$12.35");
  expect(formatEstimate("0.01234", "USD", "en")).toBe("$0.0123");
});

test("percentages are read as people write them", () => {
  expect(alertsOf("80, 50,100")).toEqual([50, 80, 100]);
  expect(alertsOf("50% 80%，90、90")).toEqual([50, 80, 90]);
  expect(alertsOf("")).toEqual([]);
  for (const wrong of ["0", "1001", "12.5", "many", "1 2 3 4 5 6 7 8 9 10 11"]) {
    expect(alertsOf(wrong)).toBeUndefined();
  }
});

test("a budget's form gives back the budget", () => {
  const key = {
    id: "bud_1",
    object: "billing.budget",
    scope: "key" as const,
    subject: "key_1",
    unit: "USD",
    window: "day" as const,
    window_started_at: null,
    amount: 2.5,
    used: 0,
    held: 0,
    enforcement: "soft" as const,
    alerts: [10, 90],
  };
  expect(draftOf(valuesOf(key))).toEqual({
    unit: "USD",
    window: "day",
    amount: "2.5",
    enforcement: "soft",
    alerts: [10, 90],
    subject: "key_1",
  });
  expect(draftOf({ ...valuesOf(undefined), amount: 5 })).not.toHaveProperty("subject");
});

const notice = (at: string): Notice => ({
  id: at,
  object: "billing.notice",
  kind: "balance",
  plan: null,
  reason: null,
  budget: null,
  unit: "prediction",
  threshold: 80,
  used: 8,
  amount: 10,
  reached_at: at,
});

test("notices are new until they were shown", () => {
  const all = [notice("2026-01-02T00:00:00Z"), notice("2026-01-01T00:00:00Z")];
  expect(unreadOf(all, 0)).toBe(2);
  expect(unreadOf(all, newestOf(all))).toBe(0);
  expect(unreadOf(all, Date.UTC(2026, 0, 1))).toBe(1);
  expect(newestOf([])).toBe(0);
  const mark = (threshold: number) => ({ ...notice("2026-01-02T00:00:00Z"), threshold });
  const sorted = noticesSorted([...all, mark(100), mark(50)]);
  expect(sorted.map(({ threshold }) => threshold)).toEqual([100, 80, 50, 80]);
  expect([countText(9), countText(10)]).toEqual(["9", "9+"]);
});
