import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { en } from "@/i18n/en";
import { zhHans } from "@/i18n/zh-Hans";

type Texts = { [key: string]: string | string[] | Texts };

const leaves = (texts: Texts, path = ""): [string, string][] =>
  Object.entries(texts).flatMap(([key, value]): [string, string][] => {
    const here = `${path}/${key}`;
    if (typeof value === "string") return [[here, value]];
    if (Array.isArray(value)) return value.map((line, index) => [`${here}/${index}`, line]);
    return leaves(value, here);
  });

/** Chinese has one plural form, English two: they count as one key. */
const singular = (key: string): string => key.replace(/_(one|other)$/, "");
const keysOf = (texts: Texts): string[] => [
  ...new Set(leaves(texts).map(([key]) => singular(key))),
];
const slots = (text: string): string[] => (text.match(/\{\{\w+\}\}/g) ?? []).sort();

const english = leaves(en as unknown as Texts);
const chinese = leaves(zhHans as unknown as Texts);

test("both languages have the same keys", () => {
  expect(keysOf(zhHans as unknown as Texts).sort()).toEqual(keysOf(en as unknown as Texts).sort());
});

test("no text is empty", () => {
  expect([...english, ...chinese].filter(([, text]) => text.trim() === "")).toEqual([]);
});

test("a translation has the same slots as its original", () => {
  const originals = new Map(english.map(([key, text]) => [singular(key), text]));
  const different = chinese.filter(([key, text]) => {
    const original = originals.get(singular(key)) ?? "";
    const extra = slots(text).filter((slot) => !slots(original).includes(slot));
    return extra.length > 0;
  });
  expect(different).toEqual([]);
});

test("English texts hold no Chinese and Chinese ones are Chinese", () => {
  const han = /\p{Script=Han}/u;
  const examples = /example|placeholder|kB|^F1$|^float32$|^bf16$|\{\{size\}\}|\{\{time\}\}/;
  expect(english.filter(([, text]) => han.test(text))).toEqual([]);
  const foreign = chinese.filter(
    ([key, text]) => !han.test(text) && !examples.test(key) && !examples.test(text),
  );
  expect(foreign).toEqual([]);
});

test("every text that is asked for by a literal key exists", () => {
  const files = readdirSync("src", { recursive: true, encoding: "utf8" });
  const sources = files.filter((name) => /\.tsx?$/.test(name)).map((name) => `src/${name}`);
  const known = new Set(english.map(([key]) => singular(key).slice(1)));
  const missing = sources.flatMap((source) => {
    const text = readFileSync(source, "utf8");
    const namespace = /useTranslation\(\[?"(\w+)"/.exec(text)?.[1] ?? "common";
    const namespaces = [...text.matchAll(/useTranslation\(\[?"(\w+)"/g)].map((match) => match[1]);
    const asked = [...text.matchAll(/\bt\("([\w.:-]+)"/g)].map((match) => match[1] ?? "");
    return asked.filter((key) => {
      const [own, rest] = key.includes(":") ? key.split(":") : [undefined, key];
      const places = own ? [own] : [namespace, ...namespaces, "common"];
      return !places.some((place) => {
        const whole = `${place}/${rest?.replaceAll(".", "/")}`;
        return known.has(whole) || [...known].some((each) => each.startsWith(`${whole}/`));
      });
    });
  });
  expect(missing).toEqual([]);
});
