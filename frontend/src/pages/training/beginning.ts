/** What a new job can begin with, and what its form begins with. */
import type { Dataset, Job, Model } from "@/api/types";
import { continues, type JobForm, presetOf, type TierChoice, type Told } from "./presets";

/** What another page hands to the form by address. */
export type Picked = {
  dataset?: string;
  model?: string;
  contract?: string;
  job?: string;
  checkpoint?: string;
};

export type Choices = {
  datasets: readonly Dataset[];
  models: readonly Model[];
  jobs: readonly Job[];
};

const EMPTY: JobForm = {
  dataset: "",
  validation: "",
  model: "",
  suffix: "",
  tier: "lora",
  preset: "balanced",
  seed: "",
  folds: "",
  trials: "",
  searchCharge: "",
  continueFrom: "",
  continueJob: "",
  contract: "",
  maxCharge: "",
  values: {},
};

export const basesOf = (models: readonly Model[]): Model[] =>
  models.filter(({ kind }) => kind === "base");

/** Tier head computes its answer anew each time; a failed job's checkpoints are gone. */
const CHECKPOINTED: readonly string[] = ["paused", "succeeded", "cancelled"];
const continuable = ({ tier, status }: Job): boolean =>
  tier !== "head" && CHECKPOINTED.includes(status);

/** The list with one job as it is now, which may not be among the newest. */
export const withPicked = (jobs: readonly Job[], picked: Job | undefined): Job[] =>
  picked ? [picked, ...jobs.filter(({ id }) => id !== picked.id)] : [...jobs];

/** Own models and jobs whose checkpoints are of this base and task. */
export const continuableOf = (
  { models, jobs }: Choices,
  base: string,
  task: string | undefined,
): { models: Model[]; jobs: Job[] } => ({
  models: models.filter((model) => model.continuable && model.base === base && model.task === task),
  jobs: jobs.filter((job) => continuable(job) && job.model === base && job.task === task),
});

/** Other data of the same task. */
export const validationOf = (
  datasets: readonly Dataset[],
  { dataset }: Pick<JobForm, "dataset">,
): Dataset[] => {
  const task = datasets.find(({ id }) => id === dataset)?.task;
  return datasets.filter(({ id, task: other }) => id !== dataset && other === task);
};

/** The form's values once something else is to be continued; nothing is the bare base. */
export const continuing = (
  form: JobForm,
  chosen: { model: Model } | { job: Job; checkpoint?: string } | undefined,
  presets: readonly Told[],
): JobForm => {
  const bare = { ...form, continueFrom: "", continueJob: "" };
  if (!chosen)
    return continues(form) ? { ...bare, preset: presetOf(form.tier, form.preset, presets) } : form;
  if ("model" in chosen) {
    const tier = chosen.model.tier as TierChoice;
    return { ...bare, continueFrom: chosen.model.id, tier, preset: "" };
  }
  const { job, checkpoint = "" } = chosen;
  const tier = job.tier as TierChoice;
  return { ...bare, continueJob: job.id, continueFrom: checkpoint, tier, preset: "" };
};

/** What was picked elsewhere, else the first of each. */
export const beginning = (picked: Picked, { datasets, models, jobs }: Choices): JobForm => {
  const bases = basesOf(models);
  const job = jobs.find((each) => each.id === picked.job && continuable(each));
  const [first] = datasets;
  const fitting = job
    ? (datasets.find(({ id }) => id === job.training_file) ??
      datasets.find(({ task }) => task === job.task))
    : first;
  const base = bases.find(({ id }) => id === (job?.model ?? picked.model)) ?? bases[0];
  const form = {
    ...EMPTY,
    dataset: picked.dataset ?? fitting?.id ?? "",
    model: base?.id ?? "",
    contract: picked.contract ?? "",
  };
  if (!job) return form;
  return continuing(form, { job, checkpoint: picked.checkpoint ?? "" }, []);
};
