/** From the form's choices to the job's body. */
import type { Hyperparameter, Hyperparameters, JobCreate } from "@/api/types";

export type Preset = "quick" | "balanced" | "best";
export const PRESETS: readonly Preset[] = ["quick", "balanced", "best"];

export type TierChoice = "head" | "lora" | "full";
export const TIERS: readonly TierChoice[] = ["head", "lora", "full"];

export type Value = string | number;

export type JobForm = {
  dataset: string;
  /** A dataset to choose weights by; "" holds rows of the other out. */
  validation: string;
  model: string;
  suffix: string;
  tier: TierChoice;
  /** "" once a tier was chosen that no preset has. */
  preset: Preset | "";
  seed: number | "";
  /** Parts for cross-validation; "" = none. */
  folds: number | "";
  /** Configurations to try; "" = no search. */
  trials: number | "";
  /** Largest price of the search alone; "" = none. */
  searchCharge: string;
  /** An own model or a checkpoint to begin with; "" is the bare base. */
  continueFrom: string;
  /** The job whose checkpoint that is. */
  continueJob: string;
  /** The contract under which a success is paid; "" is none. */
  contract: string;
  maxCharge: number | "";
  /** What was set under "Advanced"; a missing or empty one is "auto". */
  values: Record<string, Value>;
};

export type Told = Pick<Hyperparameters["presets"][number], "name" | "tier">;

/** The tier that the server gives a preset. */
export const presetTier = (preset: Preset, told: readonly Told[]): TierChoice | undefined =>
  told.find(({ name }) => name === preset)?.tier as TierChoice | undefined;

/** The preset that goes with a tier: the one chosen if it does, else the first that does. */
export const presetOf = (
  tier: TierChoice,
  preset: Preset | "",
  told: readonly Told[],
): Preset | "" => {
  if (preset && presetTier(preset, told) === tier) return preset;
  return PRESETS.find((each) => presetTier(each, told) === tier) ?? "";
};

/** The fields that do something with these choices, in the server's order. */
export const fieldsOf = (
  known: readonly Hyperparameter[],
  tier: TierChoice,
  values: Record<string, Value>,
  task?: string,
): Hyperparameter[] =>
  known.filter(
    ({ tiers, tasks, needs }) =>
      tiers.includes(tier) &&
      (!task || tasks.includes(task)) &&
      (!needs || values[needs.name] === needs.value),
  );

const GROUPS = {
  steps: [
    "epochs",
    "learning_rate",
    "head_rate",
    "batch_tokens",
    "optimizer",
    "momentum",
    "scheduler",
    "warmup_fraction",
    "max_grad_norm",
  ],
  learns: [
    "lora_rank",
    "lora_alpha",
    "lora_targets",
    "lora_dropout",
    "frozen_layers",
    "head_block",
    "embeddings",
    "pooling",
  ],
  restraint: [
    "weight_decay",
    "head_penalty",
    "dropout",
    "hidden_dropout",
    "consistency",
    "label_smoothing",
    "class_weights",
  ],
  stopping: ["patience", "min_delta"],
} as const;

export type Group = keyof typeof GROUPS | "other";

/** Fields under their headings; one that this page does not know yet goes last. */
export const groupsOf = (fields: readonly Hyperparameter[]): [Group, Hyperparameter[]][] => {
  const known = Object.entries(GROUPS).map(([group, names]): [Group, Hyperparameter[]] => [
    group as Group,
    fields.filter(({ name }) => (names as readonly string[]).includes(name)),
  ]);
  const placed = new Set(known.flatMap(([, members]) => members));
  const rest = fields.filter((field) => !placed.has(field));
  return [...known, ["other", rest] as [Group, Hyperparameter[]]].filter(
    ([, members]) => members.length > 0,
  );
};

/** What of a study cannot be had: neither part while continuing, no search of other tasks. */
export type StudyDenied = "continued" | "search" | undefined;

const studyOf = (
  { folds, trials, searchCharge }: JobForm,
  denied: StudyDenied,
): Partial<JobCreate> => ({
  ...(folds === "" || denied === "continued" ? {} : { cross_validation: { folds } }),
  ...(trials === "" || denied
    ? {}
    : { search: { trials, ...(searchCharge ? { max_charge: searchCharge } : {}) } }),
});

/** Settings that say which weights a model has. */
const SHAPE: readonly string[] = [
  "lora_rank",
  "lora_alpha",
  "lora_targets",
  "frozen_layers",
  "embeddings",
  "pooling",
];

/** Also while it is not known yet with which checkpoint. */
export const continues = ({ continueFrom, continueJob }: JobForm): boolean =>
  continueFrom !== "" || continueJob !== "";

/** `tasks` are those that have a search. */
export const studyDenied = (
  form: JobForm,
  task: string | undefined,
  tasks: readonly string[] | undefined,
): StudyDenied => {
  if (continues(form)) return "continued";
  return task && tasks && !tasks.includes(task) ? "search" : undefined;
};

/** The fields that may be set: which weights there are is a continued model's to say. */
export const openFields = (
  form: JobForm,
  known: readonly Hyperparameter[],
  task?: string,
): Hyperparameter[] =>
  fieldsOf(known, form.tier, form.values, task).filter(
    ({ name }) => !continues(form) || !SHAPE.includes(name),
  );

/** Only what was chosen: everything else stays "auto" and is the server's to decide. */
export const bodyOf = (
  form: JobForm,
  known: readonly Hyperparameter[] = [],
  denied: StudyDenied = undefined,
  task?: string,
): JobCreate | undefined => {
  const { continueFrom, continueJob } = form;
  if (!form.dataset || !form.model || (continueJob && !continueFrom)) return undefined;
  const chosen = openFields(form, known, task)
    .map(({ name }): [string, Value] => [name, form.values[name] ?? ""])
    .filter(([, value]) => value !== "");
  return {
    training_file: form.dataset,
    ...(form.validation ? { validation_file: form.validation } : {}),
    model: form.model,
    ...(continueFrom
      ? { continue_from: continueFrom }
      : { tier: form.tier, ...(form.preset ? { preset: form.preset } : {}) }),
    ...(form.contract ? { outcome_contract: form.contract } : {}),
    ...(form.maxCharge === "" ? {} : { max_charge: String(form.maxCharge) }),
    ...(form.suffix.trim() ? { suffix: form.suffix.trim() } : {}),
    ...(form.seed === "" ? {} : { seed: form.seed }),
    ...studyOf(form, denied),
    ...(chosen.length > 0 ? { hyperparameters: Object.fromEntries(chosen) } : {}),
  };
};
