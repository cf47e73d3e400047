/** Where each first step happens. Ids come from the server; an unknown one leads to the playground. */
const TARGETS = {
  predict: "/o/$org/playground",
  key: "/o/$org/keys",
  data: "/o/$org/datasets/new",
  train: "/o/$org/training/new",
  deploy: "/o/$org/deployments",
  call: "/o/$org/playground",
} as const;

export type StepText = keyof typeof TARGETS;

const ALIASES: Record<string, StepText> = {
  predict: "predict",
  try: "predict",
  key: "key",
  api_key: "key",
  create_key: "key",
  data: "data",
  dataset: "data",
  add_data: "data",
  train: "train",
  deploy: "deploy",
  call: "call",
  call_model: "call",
  call_own_model: "call",
  own_call: "call",
};

export const stepText = (id: string): StepText => ALIASES[id] ?? "predict";
export const stepTarget = (id: string): string => TARGETS[stepText(id)];
