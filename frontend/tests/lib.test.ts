import { expect, test } from "vitest";
import type { Trial } from "@/api/types";
import { cookieRead } from "@/lib/cookies";
import { headlineOf, inOrder } from "@/lib/figures";
import {
  formatAgo,
  formatDay,
  formatFigure,
  formatMilliseconds,
  formatMoney,
  formatPercent,
  formatSpan,
  isZone,
} from "@/lib/format";
import { tokensOf } from "@/lib/highlight";
import { keyOf } from "@/lib/idempotency";
import { blocksOf } from "@/lib/markdown";
import { columnsOf, merged, pointOf } from "@/lib/metrics";
import { confusionOf, perClassOf } from "@/lib/report";
import { bestSoFar } from "@/lib/search";
import { classifySnippets, exportSnippet, shellQuoted } from "@/lib/snippets";
import { roleCan } from "@/lib/useOrg";
import { browserOf } from "@/lib/userAgent";
import {
  bodyOf,
  fieldsOf,
  groupsOf,
  openFields,
  presetOf,
  presetTier,
  studyDenied,
} from "@/pages/training/presets";

const example = { baseUrl: "https://anneal.test", model: "m", input: `It's "fine"` };

test("snippets carry the text whole and never a key", () => {
  const [curl, python, javascript] = classifySnippets(example).map((snippet) => snippet.code);
  expect(curl).toContain(`'{"model":"m","input":"It'\\''s \\"fine\\""}'`);
  expect(python).toContain(`"input": "It's \\"fine\\"",`);
  expect(javascript).toContain(`input: "It's \\"fine\\"",`);
  for (const code of [curl, python, javascript]) {
    expect(code).toContain("ANNEAL_API_KEY");
    expect(code).toContain("https://anneal.test/v1/classify");
    expect(code).not.toMatch(/ak_(live|test)_/);
  }
  expect(exportSnippet("k")).toBe('export ANNEAL_API_KEY="k"');
  expect(shellQuoted("a'b")).toBe(`'a'\\''b'`);
});

test("a day of billing is one of its own time zone, wherever the reader is", () => {
  const midnight = "2026-03-31T16:00:00Z";
  expect(formatDay(midnight, "en", "Asia/Shanghai")).toBe("Apr 1, 2026");
  expect(formatDay(midnight, "en", "America/New_York")).toBe("Mar 31, 2026");
  expect(formatDay(midnight, "en")).toBe("Mar 31, 2026");
  expect([isZone("Asia/Shanghai"), isZone("Mars/Olympus")]).toEqual([true, false]);
});

test("the highlighter loses no character", () => {
  for (const { code } of classifySnippets(example)) {
    const text = tokensOf(code)
      .map((token) => token.text)
      .join("");
    expect(text).toBe(code);
  }
  expect(tokensOf('const a = "b" + 12').map((token) => token.kind)).toEqual([
    "word",
    "plain",
    "string",
    "plain",
    "number",
  ]);
});

test("numbers, spans and money in both languages", () => {
  expect(formatPercent(0.9876, "en")).toBe("98.8%");
  expect(formatSpan(59, "en")).toBe("59 sec");
  expect(formatSpan(3900, "en")).toBe("1 hr 5 min");
  expect(formatSpan(120, "zh-Hans")).toBe("2分钟");
  expect(formatMilliseconds(0.2, "en")).toBe("1 ms");
  expect(formatMoney("0.0234", "USD", "en")).toBe("$0.0234");
});

test("times ago, from unix seconds and from ISO 8601", () => {
  const now = Date.parse("2026-11-23T12:00:00Z");
  expect(formatAgo(now / 1000 - 300, "en", now)).toBe("5 minutes ago");
  expect(formatAgo("2026-11-22T12:00:00Z", "en", now)).toBe("yesterday");
  expect(formatAgo(now / 1000, "zh-Hans", now)).toBe("现在");
});

test("metric events become columns, a repeated step is measured once", () => {
  const points = [
    { step: 2, train_loss: 0.5 },
    { step: 1, train_loss: 0.9 },
    { step: 2, train_loss: 0.4, valid_loss: 0.6, valid_accuracy: 0.8 },
    { step: 2, tokens_per_second: 900, memory_bytes: 5e8, learning_rate: 0.001 },
    { train_loss: 1 },
  ]
    .map(pointOf)
    .filter((point) => point !== undefined);
  expect(columnsOf(merged(points), ["trainLoss", "validLoss", "accuracy"])).toEqual([
    [1, 2],
    [0.9, 0.4],
    [null, 0.6],
    [null, 0.8],
  ]);
  expect(
    columnsOf(merged(points), ["tokensPerSecond", "megabytes", "learningRate"]).map((column) =>
      column.at(-1),
    ),
  ).toEqual([2, 900, 500, 0.001]);
});

const figures = {
  accuracy: 0.75,
  confusion: [
    [3, 1],
    [1, 3],
  ],
  per_class: { a: { precision: 0.75, recall: 0.75, f1: 0.75, support: 4 } },
};

test("the report reads the test split", () => {
  const metrics = { validation: { accuracy: 0.1 }, test: figures };
  expect(headlineOf(metrics)).toEqual([{ name: "accuracy", value: 0.75 }]);
  expect(headlineOf(undefined)).toEqual([]);
  expect(confusionOf(metrics, ["a", "b"])?.counts).toEqual(figures.confusion);
  expect(confusionOf(metrics, ["a"])).toBeUndefined();
  expect(perClassOf(metrics).map((line) => line.label)).toEqual(["a"]);
});

test("a model card becomes blocks and never markup", () => {
  const card =
    "---\nlicense: mit\n---\n# Name\n\nOne **two**\nthree\n\n- a\n- `b`\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n```\ncode\n```";
  expect(blocksOf(card)).toEqual([
    { kind: "heading", level: 1, text: "Name" },
    { kind: "text", text: "One two three" },
    { kind: "list", items: ["a", "b"] },
    { kind: "table", head: ["x", "y"], rows: [["1", "2"]] },
    { kind: "code", text: "code" },
  ]);
});

const field = (
  name: string,
  tiers: string[],
  needs: { name: string; value: string } | null = null,
  tasks: string[] = ["regression", "text_classification"],
) => ({
  name,
  tiers,
  tasks,
  needs,
  type: "number" as const,
  help: "Help.",
  auto: "1",
  minimum: 0,
  maximum: 1,
  choices: [],
});

const NO_STUDY = { folds: "" as const, trials: "" as const, searchCharge: "" };

test("folds and trials are asked for only where they were set", () => {
  const form = {
    dataset: "ds_1",
    model: "minilm-l6",
    suffix: "",
    tier: "head" as const,
    preset: "quick" as const,
    seed: "" as const,
    continueFrom: "",
    continueJob: "",
    validation: "",
    contract: "",
    maxCharge: "" as const,
    values: {},
  };
  const body = bodyOf({ ...form, folds: 5, trials: 20, searchCharge: "" });
  expect(body?.cross_validation).toEqual({ folds: 5 });
  expect(body?.search).toEqual({ trials: 20 });
  const limited = bodyOf({ ...form, folds: "", trials: 20, searchCharge: "1.5" });
  expect(limited).not.toHaveProperty("cross_validation");
  expect(limited?.search).toEqual({ trials: 20, max_charge: "1.5" });
  const both = { ...form, folds: 5 as const, trials: 20 as const, searchCharge: "" };
  const continued = bodyOf(both, [], "continued");
  expect(continued).not.toHaveProperty("cross_validation");
  expect(continued).not.toHaveProperty("search");
  const unsearched = bodyOf(both, [], "search");
  expect(unsearched?.cross_validation).toEqual({ folds: 5 });
  expect(unsearched).not.toHaveProperty("search");
  const set = { ...form, ...NO_STUDY };
  const tasks = ["text_classification"];
  expect(studyDenied(set, "text_classification", tasks)).toBeUndefined();
  expect(studyDenied(set, "regression", tasks)).toBe("search");
  expect(studyDenied({ ...set, continueFrom: "ft:x" }, "regression", tasks)).toBe("continued");
  expect(bodyOf({ ...form, folds: "", trials: "", searchCharge: "1.5" })).not.toHaveProperty(
    "search",
  );
});

test("figures of folds come in the order of the page, whatever the database makes of it", () => {
  expect(inOrder(["macro_f1", "micro_f1", "subset_accuracy"])).toEqual([
    "micro_f1",
    "macro_f1",
    "subset_accuracy",
  ]);
  expect(inOrder(["new_one", "mae", "r2"])).toEqual(["r2", "mae", "new_one"]);
});

test("the search's curve falls and counts only trials that were ended", () => {
  const tried = (loss: number | null, state: Trial["state"], stage: Trial["stage"] = "cached") => ({
    loss,
    state,
    stage,
  });
  expect(
    bestSoFar([
      tried(0.5, "complete"),
      tried(0.3, "pruned"),
      tried(0.4, "complete"),
      tried(0.45, "complete"),
      tried(null, "diverged", "full"),
      tried(0.6, "complete", "full"),
    ]),
  ).toEqual([
    [1, 2, 3, 4, 5, 6],
    [0.5, 0.3, 0.4, 0.45, null, 0.6],
    [0.5, 0.5, 0.4, 0.4, null, 0.6],
  ]);
});

test("the job's body holds only what was chosen", () => {
  const form = {
    dataset: "ds_1",
    model: "minilm-l6",
    suffix: " ",
    tier: "head" as const,
    preset: "quick" as const,
    seed: "" as const,
    ...NO_STUDY,
    continueFrom: "",
    continueJob: "",
    validation: "",
    contract: "",
    maxCharge: "" as const,
    values: {},
  };
  const whole = { training_file: "ds_1", model: "minilm-l6", tier: "head", preset: "quick" };
  expect(bodyOf(form)).toEqual(whole);
  expect(bodyOf({ ...form, dataset: "" })).toBeUndefined();
  expect(bodyOf({ ...form, tier: "lora", preset: "best", seed: 3, suffix: "x" })).toEqual({
    training_file: "ds_1",
    model: "minilm-l6",
    tier: "lora",
    preset: "best",
    suffix: "x",
    seed: 3,
  });
});

test("which tier a preset trains is what the server says", () => {
  const told = [
    { name: "quick", tier: "head" },
    { name: "balanced", tier: "lora" },
    { name: "best", tier: "lora" },
  ];
  expect(presetTier("best", told)).toBe("lora");
  expect(presetTier("best", [])).toBeUndefined();
  expect(presetOf("head", "best", told)).toBe("quick");
  expect(presetOf("lora", "quick", told)).toBe("balanced");
  expect(presetOf("lora", "best", told)).toBe("best");
  expect(presetOf("full", "best", told)).toBe("");
  expect(presetOf("full", "quick", [{ name: "best", tier: "full" }])).toBe("best");
});

test("what does nothing in the data's task is neither shown nor sent", () => {
  const known = [field("epochs", ["full"]), field("pooling", ["full"], null, ["regression"])];
  const form = {
    dataset: "ds_1",
    model: "minilm-l6",
    suffix: "",
    tier: "full" as const,
    preset: "" as const,
    seed: "" as const,
    ...NO_STUDY,
    continueFrom: "",
    continueJob: "",
    validation: "",
    contract: "",
    maxCharge: "" as const,
    values: { pooling: "mean" },
  };
  expect(openFields(form, known, "regression").map(({ name }) => name)).toContain("pooling");
  expect(bodyOf(form, known, undefined, "regression")?.hyperparameters).toEqual(form.values);
  expect(openFields(form, known, "text_classification").map(({ name }) => name)).toEqual([
    "epochs",
  ]);
  expect(bodyOf(form, known, undefined, "text_classification")).not.toHaveProperty(
    "hyperparameters",
  );
});

test("a continued model says its own tier and shape", () => {
  const form = {
    dataset: "ds_1",
    model: "minilm-l6",
    suffix: "",
    tier: "lora" as const,
    preset: "best" as const,
    seed: "" as const,
    continueFrom: "ft:minilm-l6:acme:x:1",
    continueJob: "",
    validation: "",
    contract: "",
    maxCharge: 2.5,
    ...NO_STUDY,
    values: { epochs: 2, lora_rank: 16 },
  };
  const known = [field("epochs", ["lora"]), field("lora_rank", ["lora"])];
  expect(bodyOf(form, known)).toEqual({
    training_file: "ds_1",
    model: "minilm-l6",
    continue_from: "ft:minilm-l6:acme:x:1",
    max_charge: "2.5",
    hyperparameters: { epochs: 2 },
  });
  expect(openFields(form, known).map(({ name }) => name)).toEqual(["epochs"]);
});

test("only fields of the chosen tier are shown and sent", () => {
  const known = [
    field("epochs", ["lora", "full"]),
    field("momentum", ["lora", "full"], { name: "optimizer", value: "sgd" }),
    field("optimizer", ["lora", "full"]),
    field("lora_rank", ["lora"]),
    field("head_penalty", ["head"]),
    field("brand_new", ["full"]),
  ];
  const values = { epochs: 2, momentum: 0.5, lora_rank: 4, head_penalty: "" };
  const names = (tier: "head" | "lora" | "full", set: Record<string, string | number>) =>
    fieldsOf(known, tier, set).map(({ name }) => name);
  expect(names("head", values)).toEqual(["head_penalty"]);
  expect(names("lora", values)).toEqual(["epochs", "optimizer", "lora_rank"]);
  expect(names("full", { optimizer: "sgd" })).toContain("momentum");
  expect(groupsOf(fieldsOf(known, "full", values)).map(([group]) => group)).toEqual([
    "steps",
    "other",
  ]);
  const form = {
    dataset: "ds_1",
    model: "minilm-l6",
    suffix: "",
    tier: "full" as const,
    preset: "" as const,
    seed: "" as const,
    ...NO_STUDY,
    continueFrom: "",
    continueJob: "",
    validation: "",
    contract: "",
    maxCharge: "" as const,
    values,
  };
  expect(bodyOf(form, known)).toEqual({
    training_file: "ds_1",
    model: "minilm-l6",
    tier: "full",
    hyperparameters: { epochs: 2 },
  });
});

test("cookies, browsers, roles", () => {
  expect(cookieRead("b", "a=1; b=x%20y")).toBe("x y");
  expect(cookieRead("c", "a=1")).toBeUndefined();
  expect(browserOf("Mozilla/5.0 (X11; Linux x86_64) Chrome/1 Safari/2")).toBe("Chrome · Linux");
  expect(browserOf("weird")).toBe("weird");
  expect(roleCan("viewer", "train")).toBe(false);
  expect(roleCan("developer", "train")).toBe(true);
  expect(roleCan("developer", "members")).toBe(false);
});

test("one draft keeps its key, another gets its own", () => {
  const draft = { model: "m" };
  expect(keyOf(draft)).toBe(keyOf(draft));
  expect(keyOf({ model: "m" })).not.toBe(keyOf(draft));
});

test("a figure of any size keeps its digits", () => {
  expect(formatFigure(0.001234, "en")).toBe("0.001234");
  expect(formatFigure(0.0000001, "en")).toBe("0.0000001");
  expect(formatFigure(12_345.678, "en")).toBe("12,350");
  expect(formatFigure(-0.25, "zh-Hans")).toBe("-0.25");
});
