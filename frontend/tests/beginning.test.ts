import { expect, test } from "vitest";
import type { Dataset, Job, Model } from "@/api/types";
import {
  beginning,
  continuableOf,
  continuing,
  validationOf,
  withPicked,
} from "@/pages/training/beginning";
import { bodyOf, openFields, studyDenied } from "@/pages/training/presets";

const ONE = "text_classification";
const dataset = (id: string, task = ONE) => ({ id, task, name: id }) as unknown as Dataset;
const base = (id: string) => ({ id, kind: "base" }) as unknown as Model;
const model = (id: string, more: Partial<Model> = {}) =>
  ({
    id,
    kind: "fine_tuned",
    base: "minilm-l6",
    task: ONE,
    tier: "lora",
    continuable: true,
    ...more,
  }) as unknown as Model;
const job = (id: string, more: Partial<Job> = {}) =>
  ({
    id,
    model: "minilm-l6",
    task: ONE,
    tier: "full",
    status: "cancelled",
    training_file: "ds_2",
    ...more,
  }) as unknown as Job;

const CHOICES = {
  datasets: [dataset("ds_1"), dataset("ds_2"), dataset("ds_3", "regression")],
  models: [base("bert"), base("minilm-l6"), model("ft:a")],
  jobs: [job("ftjob-1")],
};
const PRESETS = [
  { name: "balanced", tier: "lora" },
  { name: "best", tier: "full" },
];

test("a form begins with what another page picked, else with the first of each", () => {
  const { dataset, model, contract } = beginning({}, CHOICES);
  expect([dataset, model, contract]).toEqual(["ds_1", "bert", ""]);
  const picked = beginning({ dataset: "ds_2", model: "minilm-l6", contract: "con_1" }, CHOICES);
  expect([picked.dataset, picked.model, picked.contract]).toEqual(["ds_2", "minilm-l6", "con_1"]);
  expect(beginning({ model: "ft:gone" }, CHOICES).model).toBe("bert");
});

test("a checkpoint brings its job's base, tier and data", () => {
  const form = beginning({ job: "ftjob-1", checkpoint: "ftckpt-1" }, CHOICES);
  expect(form).toMatchObject({ dataset: "ds_2", model: "minilm-l6", tier: "full", preset: "" });
  expect(bodyOf(form)).toEqual({
    training_file: "ds_2",
    model: "minilm-l6",
    continue_from: "ftckpt-1",
  });
});

test("a job whose data is gone is continued on other data of its task", () => {
  const numbers = job("ftjob-2", { task: "regression", training_file: "file-1" });
  const form = beginning({ job: "ftjob-2" }, { ...CHOICES, jobs: [numbers] });
  expect(form.dataset).toBe("ds_3");
});

test("nothing is sent before it is known which checkpoint of a job is meant", () => {
  const form = beginning({ job: "ftjob-1" }, CHOICES);
  expect(form.continueJob).toBe("ftjob-1");
  expect(bodyOf(form)).toBeUndefined();
  expect(studyDenied(form, ONE, [ONE])).toBe("continued");
  const pooling = { name: "pooling", tiers: ["full"], tasks: [ONE], needs: null };
  expect(openFields(form, [pooling as never], ONE)).toEqual([]);
});

test("only models and jobs of the same base and task can be continued", () => {
  const choices = {
    ...CHOICES,
    models: [
      model("ft:a"),
      model("ft:head", { continuable: false }),
      model("ft:other", { base: "bert" }),
      model("ft:numbers", { task: "regression" }),
    ],
    jobs: [
      job("ftjob-1"),
      job("ftjob-paused", { status: "paused" }),
      job("ftjob-head", { tier: "head" }),
      job("ftjob-failed", { status: "failed" }),
      job("ftjob-running", { status: "running" }),
      job("ftjob-other", { model: "bert" }),
    ],
  };
  const { models, jobs } = continuableOf(choices, "minilm-l6", ONE);
  expect(models.map(({ id }) => id)).toEqual(["ft:a"]);
  expect(jobs.map(({ id }) => id)).toEqual(["ftjob-1", "ftjob-paused"]);
});

test("back at the bare base the tier has its preset again", () => {
  const form = beginning({}, CHOICES);
  const onModel = continuing(form, { model: model("ft:a") }, PRESETS);
  expect([onModel.continueFrom, onModel.tier, onModel.preset]).toEqual(["ft:a", "lora", ""]);
  const onJob = continuing(onModel, { job: job("ftjob-1") }, PRESETS);
  expect([onJob.continueFrom, onJob.continueJob, onJob.tier]).toEqual(["", "ftjob-1", "full"]);
  const bare = continuing(onJob, undefined, PRESETS);
  expect([bare.continueFrom, bare.continueJob, bare.preset]).toEqual(["", "", "best"]);
  expect(continuing(form, undefined, [])).toEqual(form);
});

test("validation data is other data of the same task, and sent when it is chosen", () => {
  const form = beginning({}, CHOICES);
  expect(validationOf(CHOICES.datasets, form).map(({ id }) => id)).toEqual(["ds_2"]);
  expect(bodyOf(form)).not.toHaveProperty("validation_file");
  expect(bodyOf({ ...form, validation: "ds_2" })?.validation_file).toBe("ds_2");
});

test("a job that has just ended is continued whatever the list still says of it", () => {
  const ended = job("ftjob-1", { status: "succeeded" });
  const stale = [job("ftjob-2"), job("ftjob-1", { status: "running" })];
  const jobs = withPicked(stale, ended);
  expect(jobs.map(({ id }) => id)).toEqual(["ftjob-1", "ftjob-2"]);
  const form = beginning({ job: "ftjob-1", checkpoint: "ftckpt-1" }, { ...CHOICES, jobs });
  expect(form.continueFrom).toBe("ftckpt-1");
  expect(withPicked(stale, undefined)).toEqual(stale);
});
