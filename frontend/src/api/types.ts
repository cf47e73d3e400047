/** Shapes of the API the page uses. Times are unix seconds where OpenAI has them so. */
export type List<T> = { object: "list"; data: T[]; has_more?: boolean };

export type OrganizationRole = "viewer" | "annotator" | "developer" | "billing" | "admin" | "owner";
export type Membership = { id: string; name: string; slug: string; role: OrganizationRole };
export type Me = {
  id: string;
  email: string;
  language?: string | null;
  organizations: Membership[];
};
export type Organization = Membership & { suspended: boolean };
export type Member = { id: string; email: string; role: OrganizationRole; created_at?: Moment };

/** Unix seconds or ISO 8601: both occur. */
export type Moment = number | string;

export type HomeStep = { id: string; done: boolean };
export type Home = { steps: HomeStep[] };

export type Prediction = {
  index: number;
  id?: string;
  label: string | null;
  score: number;
  scores: Record<string, number>;
};
export type Classified = {
  object: "list";
  model: string;
  data: Prediction[];
  usage: { predictions: number; tokens: number; truncated?: number | boolean };
};
export type SessionKey = { key: string; expires_at: Moment };

export type Model = {
  id: string;
  object: "model";
  created?: Moment;
  owned_by?: string;
  kind?: "shipped" | "version" | "deployment" | "base";
  task?: string | null;
  base?: string | null;
  tier?: string | null;
  labels?: string[] | null;
  metrics?: Metrics | null;
  card?: string | null;
  description?: string | null;
  languages?: string[] | null;
  licence?: string | null;
  parameters?: number | null;
  dataset_version?: string | null;
  job?: string | null;
};
export type Metrics = {
  accuracy?: number;
  macro_f1?: number;
  loss?: number;
  confusion?: number[][];
  per_class?: Record<string, { precision: number; recall: number; f1: number; support: number }>;
  rows?: number;
  [name: string]: unknown;
};

export type Issue = { code?: string; message: string; row?: number | null; count?: number | null };
export type ValidationReport = {
  errors: Issue[];
  warnings: Issue[];
  rows: number;
  labels: Record<string, number> | string[];
};
export type DatasetVersion = {
  id: string;
  object: string;
  number: number;
  status?: string;
  rows: number;
  labels: string[];
  splits?: Record<string, number>;
  created_at: Moment;
  content_hash?: string;
  validation_report?: ValidationReport | null;
};
export type Dataset = {
  id: string;
  object: string;
  name: string;
  task: string;
  status?: string;
  created_at: Moment;
  latest_version?: DatasetVersion | null;
  validation_report?: ValidationReport | null;
};
export type DatasetRow = { row_id: string | number; text: string; label: string; split: string };
export type DatasetStats = {
  rows: number;
  labels: Record<string, number>;
  lengths: { le?: number; from?: number; to?: number; count: number }[];
  splits: Record<string, number>;
  duplicates?: number;
};

export type JobStatus =
  | "validating_files"
  | "queued"
  | "running"
  | "paused"
  | "succeeded"
  | "failed"
  | "cancelled";
export type Job = {
  id: string;
  object: string;
  status: JobStatus;
  phase?: string | null;
  model: string;
  tier?: string | null;
  created_at: Moment;
  finished_at?: Moment | null;
  estimated_finish?: Moment | null;
  fine_tuned_model?: string | null;
  trained_tokens?: number | null;
  training_file: string;
  suffix?: string | null;
  position?: number | null;
  progress?: number | null;
  error?: { code?: string; message?: string; param?: string | null } | null;
  hyperparameters?: Record<string, string | number>;
  metrics?: Metrics | null;
};
export type JobEvent = {
  id: string;
  object: string;
  created_at: Moment;
  level: "info" | "warn" | "error";
  message: string;
  type?: string;
  data?: Record<string, unknown> | null;
};
export type JobCreate = {
  training_file: string;
  model: string;
  suffix?: string | undefined;
  tier?: string | undefined;
  seed?: number | undefined;
  hyperparameters?: Record<string, string | number> | undefined;
};
export type Estimate = {
  trained_tokens: number;
  price: string | number;
  currency: string;
  seconds_p50: number | null;
  seconds_p90: number | null;
  allowed: boolean;
  reason: string | null;
};

export type Deployment = {
  id: string;
  object: string;
  name: string;
  model: string;
  previous_model?: string | null;
  created_at: Moment;
  updated_at?: Moment;
  history?: { model: string; action: string; at: Moment; actor?: string }[];
};

export type ApiKey = {
  id: string;
  object: string;
  name: string;
  prefix?: string;
  last4?: string;
  hint?: string;
  scopes: string[];
  created_at: Moment;
  last_used_at?: Moment | null;
  expires_at?: Moment | null;
  revoked_at?: Moment | null;
};
export type ApiKeyCreated = ApiKey & { key: string };

export type Balance = {
  unit: string;
  granted: number | string;
  held: number | string;
  consumed: number | string;
  available: number | string;
  expires_at: Moment | null;
};
export type UsageResult = {
  meter: string;
  units: number | string;
  model?: string | null;
  api_key_id?: string | null;
};
export type UsageBucket = { start_time: number; end_time: number; results: UsageResult[] };
export type UsagePage = { object: "page"; data: UsageBucket[]; has_more?: boolean };

export type AuthSession = { id: number; current: boolean; ip: string; user_agent: string; created_at: number; last_seen_at?: number };
