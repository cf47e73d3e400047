/** From the form's few choices to the job's body. */
import type { JobCreate } from "@/api/types";

export type Preset = "quick" | "balanced" | "best";
export const PRESETS: readonly Preset[] = ["quick", "balanced", "best"];

export type TierChoice = "head" | "lora";
export const TIERS: readonly TierChoice[] = ["head", "lora"];

export type JobForm = {
  dataset: string;
  model: string;
  suffix: string;
  tier: TierChoice;
  preset: Preset;
  epochs: number | "";
  learningRate: number | "";
  batchTokens: number | "";
  seed: number | "";
};

/** Quick trains the head only; best gives LoRA more passes than the default would. */
const PRESET_TIER: Record<Preset, TierChoice> = { quick: "head", balanced: "lora", best: "lora" };
const BEST_EPOCHS = 6;

export const presetTier = (preset: Preset): TierChoice => PRESET_TIER[preset];

export const presetOf = (tier: TierChoice, preset: Preset): Preset => {
  if (tier === "head") return "quick";
  return preset === "quick" ? "balanced" : preset;
};

/** Only what was chosen: everything else stays "auto" and is the server's to decide. */
export const bodyOf = (form: JobForm): JobCreate | undefined => {
  if (!form.dataset || !form.model) return undefined;
  const presetEpochs = form.preset === "best" ? BEST_EPOCHS : "";
  const epochs = form.epochs === "" ? presetEpochs : form.epochs;
  const chosen = {
    n_epochs: epochs,
    learning_rate: form.learningRate,
    batch_tokens: form.batchTokens,
  };
  const hyperparameters = Object.fromEntries(
    Object.entries(chosen).filter(([, value]) => value !== ""),
  ) as Record<string, number>;
  return {
    training_file: form.dataset,
    model: form.model,
    tier: form.tier,
    ...(form.suffix.trim() ? { suffix: form.suffix.trim() } : {}),
    ...(form.seed === "" ? {} : { seed: form.seed }),
    ...(Object.keys(hyperparameters).length > 0 ? { hyperparameters } : {}),
  };
};
