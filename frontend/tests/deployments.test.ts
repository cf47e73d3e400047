import { expect, test } from "vitest";
import { linesOf, namesOf, outputOf, valuesOf } from "@/pages/deployments/outputForm";

test("names are one a line, and come back as they were", () => {
  const names = { positive: "good", "so so": "neutral = middling" };
  expect(linesOf(names)).toBe("positive = good\nso so = neutral = middling");
  expect(namesOf(linesOf(names))).toEqual(names);
  expect(namesOf("\n  a=b \n")).toEqual({ a: "b" });
  expect(namesOf("")).toEqual({});
});

test("a name with the mark in it, or in quotes, comes back as it was", () => {
  const names = {
    "a=b": "c = d",
    '"good"': '"great"',
    'x \\ "y" = z': "w",
    '"': "q",
    '"a" b': "d",
  };
  expect(linesOf({ "a=b": "c" })).toBe('"a=b" = c');
  expect(namesOf(linesOf(names))).toEqual(names);
  expect(namesOf('"so\\so" = s')).toEqual({ '"so\\so"': "s" });
});

test("a line of another form is told", () => {
  for (const line of ["positive", "= good", "positive =", "a = b\npositive"]) {
    expect(namesOf(line)).toBeUndefined();
  }
});

test("what is left empty is made no more", () => {
  const empty = { labels: {}, fields: {}, threshold: null, abstain_label: null, top_k: null };
  expect(outputOf(valuesOf(empty))).toEqual(empty);
  const full = {
    labels: { a: "b" },
    fields: { label: "topic" },
    threshold: 0,
    abstain_label: "other",
    top_k: 2,
  };
  expect(outputOf(valuesOf(full))).toEqual(full);
});
