import { expect, test } from "vitest";
import { en } from "@/i18n/en";
import { zhHans } from "@/i18n/zh-Hans";
import { warningValues } from "@/pages/training/warnings";

test("a warning's numbers and labels are written in the reader's language", () => {
  const data = { parent: "ft:a", labels: ["mixed", "other"], new: 2, total: 1200 };
  const told = { parent: "ft:a", new: "2", total: "1,200" };
  expect(warningValues({ data }, "en")).toEqual({ ...told, labels: "“mixed” and “other”" });
  expect(warningValues({ data }, "zh-Hans")).toEqual({ ...told, labels: "“mixed”和“other”" });
});

test("labels that are not named are hinted at", () => {
  const data = { labels: ["a", "b"], new: 9 };
  expect(warningValues({ data }, "en").labels).toBe("“a”, “b”, and …");
});

test.each([
  ["English", en],
  ["Chinese", zhHans],
])("%s has a text for the reason of every pause", (_, texts) => {
  const reasons = { ...texts.errors.codes, ...texts.refusals.codes };
  expect(Object.keys(reasons)).toEqual(
    expect.arrayContaining(["limit_reached", "account_parked", "organization_suspended"]),
  );
});
