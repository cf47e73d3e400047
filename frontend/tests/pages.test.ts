import { expect, test } from "vitest";
import { nextAfter, pagesJoined } from "@/lib/pages";

const page = (ids: string[], has_more: boolean) => ({ data: ids.map((id) => ({ id })), has_more });

test("a list goes on behind its last one, and ends where there is no more", () => {
  expect(nextAfter(page(["batch_2", "batch_1"], true))).toBe("batch_1");
  expect(nextAfter(page(["batch_1"], false))).toBeUndefined();
  expect(nextAfter(page([], false))).toBeUndefined();
});

test("all pages that were read are one list", () => {
  const pages = [page(["batch_3", "batch_2"], true), page(["batch_1"], false)];
  expect(pagesJoined({ pages }).data.map(({ id }) => id)).toEqual([
    "batch_3",
    "batch_2",
    "batch_1",
  ]);
});
