import { expect, test } from "vitest";
import { en } from "@/i18n/en";
import { zhHans } from "@/i18n/zh-Hans";
import {
  firstShown,
  formatEnd,
  isWorse,
  type Part,
  type SlicedColumn,
  worseOf,
} from "@/lib/slices";

const part = (row: number, verdict: Part["verdict"], p: number | null): Part => ({
  kind: "value",
  value: `value ${row}`,
  row,
  low: null,
  high: null,
  values: null,
  rows: 30,
  figure: { value: 0.5, low: 0.3, high: 0.7 },
  rest: 0.9,
  p_value: p,
  verdict,
});

const column = (name: string, ...slices: Part[]): SlicedColumn => ({
  column: name,
  kind: "category",
  slices,
});

test("the column with the surest bad part is shown first, of all columns", () => {
  const columns = [
    column("shop", part(1, "not_separable", 1), part(2, null, null)),
    column("price", part(3, "worse", 0.04)),
    column("source", part(4, "worse", 0.001), part(5, "not_separable", 0.3)),
  ];
  expect(worseOf(columns).map(({ column: name, slice }) => [name, slice.row])).toEqual([
    ["source", 4],
    ["price", 3],
  ]);
  expect(firstShown(columns)?.column).toBe("source");
});

test("without a bad part it is the first one; a part without verdict is not worse", () => {
  const columns = [column("shop", part(1, null, null)), column("source", part(2, null, null))];
  expect(firstShown(columns)?.column).toBe("shop");
  expect(columns.flatMap(({ slices }) => slices).some(isWorse)).toBe(false);
  expect(firstShown([])).toBeUndefined();
});

test("the ends of a range keep what tells them apart", () => {
  expect([0.00123, -0.5, 12_345.678, 0].map((value) => formatEnd(value, "en"))).toEqual([
    "0.00123",
    "-0.5",
    "12,345.68",
    "0",
  ]);
});

test.each([
  ["English", en],
  ["Chinese", zhHans],
])("%s says why a column was not cut, and what of the file is not kept", (_, texts) => {
  expect(Object.keys(texts.evaluation.by.reasons)).toEqual(["same", "all_different"]);
  expect(Object.keys(texts.datasets.report.codes)).toEqual(
    expect.arrayContaining([
      "meta_columns_left_out",
      "meta_name_too_long",
      "meta_too_long",
      "meta_not_plain",
    ]),
  );
});
