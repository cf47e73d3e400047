import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const LINES_ALLOWED = 400;

const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(tsx?|css)$/.test(name) && !name.endsWith("schema.d.ts"))
  .map((name) => ({ name, text: readFileSync(`src/${name}`, "utf8") }));

test("no file is longer than people read", () => {
  const long = sources.filter(({ text }) => text.split("\n").length > LINES_ALLOWED);
  expect(long.map(({ name }) => name)).toEqual([]);
});

test("only the client for accounts calls fetch itself", () => {
  const callers = sources.filter(({ text }) => /\bfetch\(/.test(text)).map(({ name }) => name);
  const inSnippets = callers.filter((name) => name !== "lib/snippets.ts");
  expect(inSnippets).toEqual(["api/allauth.ts"]);
});

test("components name no colours", () => {
  const coloured = sources.filter(
    ({ name, text }) => name.endsWith(".tsx") && /#[0-9a-f]{6}\b/i.test(text),
  );
  expect(coloured.map(({ name }) => name)).toEqual([]);
});

test("nothing is loaded from another origin", () => {
  const remote = sources.filter(({ text }) => /(?:src|href|url\()\s*=?\s*["'(]?https?:/.test(text));
  expect(remote.map(({ name }) => name)).toEqual([]);
});
