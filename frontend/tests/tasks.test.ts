import { expect, test } from "vitest";
import { en } from "@/i18n/en";
import { zhHans } from "@/i18n/zh-Hans";
import { headlineOf, isShare } from "@/lib/figures";
import { pointOf, scoreNameOf } from "@/lib/metrics";
import { segmentsOf } from "@/lib/spans";

test("entities are marked by code points, so that an emoji moves nothing", () => {
  const text = "😀 Alice likes 北京!";
  const spans = [
    { start: 14, end: 16, label: "place" },
    { start: 2, end: 7, label: "person" },
  ];
  const segments = segmentsOf(text, spans);
  expect(segments.map((one) => one.text)).toEqual(["😀 ", "Alice", " likes ", "北京", "!"]);
  expect(segments.map((one) => one.span?.label ?? "")).toEqual(["", "person", "", "place", ""]);
  expect(segments.map((one) => one.text).join("")).toBe(text);
});

test("a text without entities stays whole, one inside another is not shown twice", () => {
  expect(segmentsOf("plain", [])).toEqual([{ at: 0, text: "plain" }]);
  const nested = [
    { start: 0, end: 5, label: "a" },
    { start: 2, end: 3, label: "b" },
  ];
  expect(segmentsOf("plain", nested).map((one) => one.text)).toEqual(["plain"]);
});

test("each task is headed by its own figure", () => {
  const names = (test: Record<string, number>) => headlineOf({ test }).map(({ name }) => name);
  expect(names({ loss: 1, rows: 9, mae: 2, rmse: 3, r2: -0.2, spearman: 0.1 })).toEqual([
    "r2",
    "spearman",
    "mae",
    "rmse",
  ]);
  expect(names({ precision: 0.5, recall: 0.4, f1: 0.44, macro_f1: 0.3 })[0]).toBe("f1");
  expect(names({ subset_accuracy: 0.5, micro_f1: 0.7, macro_f1: 0.6 })[0]).toBe("micro_f1");
  expect([isShare("f1"), isShare("r2"), isShare("mae")]).toEqual([true, false, false]);
});

test("the chart follows the figure that the task looks at", () => {
  const scored = { step: 3, valid_loss: 0.5, valid_score: 0.4, score_name: "f1" };
  expect(pointOf(scored)?.accuracy).toBe(0.4);
  expect(scoreNameOf([{ step: 1 }, scored])).toBe("f1");
  expect(scoreNameOf([{ step: 1, valid_accuracy: 0.5 }])).toBe("accuracy");
});

test.each([
  ["English", en],
  ["Chinese", zhHans],
])("%s names every task, figure and finding", (_, texts) => {
  const tasks = [
    "text_classification",
    "multi_label_classification",
    "token_classification",
    "regression",
  ];
  const named = Object.keys(texts.datasets.tasks);
  expect(named.sort()).toEqual(tasks.flatMap((task) => [task, `${task}_help`]).sort());
  expect(Object.keys(texts.evaluation.figure)).toContain("rmse");
  expect(Object.keys(texts.datasets.report.codes)).toContain("entity_overlap");
});
