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
export type Invitation = { id: string; email: string; role: OrganizationRole; url: string };
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

export type ModelKind = "shipped" | "fine_tuned" | "deployment" | "base";
export type Model = {
  id: string;
  object: "model";
  created: number;
  owned_by: string;
  kind: ModelKind;
  base?: string;
  tier?: string;
  task?: string;
  labels?: string[];
  metrics?: Metrics;
  max_length?: number;
  job_id?: string;
  version_id?: string;
  lineage?: Record<string, unknown>;
  card?: string;
  /** Bases only. */
  name?: string;
  architecture?: string;
  tasks?: string[];
  size_parameters?: number;
  languages?: string[];
  licence?: string;
  source?: string;
  summary?: string;
  present?: boolean;
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

export type Issue = {
  code: string;
  message: string;
  count: number;
  /** As a spreadsheet counts: the header is row 1. */
  row?: number;
  column?: string;
};
export type ValidationReport = {
  errors: Issue[];
  warnings: Issue[];
  rows: number;
  labels: Record<string, number>;
  duplicates: number;
  conflicts: number;
  empty: number;
  too_long: number;
};
export type ColumnMapping = { text: string; label: string };
export type DatasetStatus = "processing" | "ready" | "failed";
export type Splits = { train: number; validation: number; test: number };
export type DatasetVersion = {
  id: string;
  object: string;
  number: number;
  status: DatasetStatus;
  columns: string[];
  column_mapping: ColumnMapping | null;
  rows: number;
  labels: Record<string, number>;
  splits: Splits | null;
  content_hash: string;
  validation_report: ValidationReport;
  created_at: number;
  finished_at: number | null;
};
export type Dataset = {
  id: string;
  object: string;
  name: string;
  task: string;
  origin: "upload" | "file" | "sample";
  created_at: number;
  versions: number;
  status: DatasetStatus;
  rows: number;
  labels: Record<string, number>;
  validation_report: ValidationReport;
  latest_version: DatasetVersion;
};
export type DatasetPreview = {
  object: string;
  format: string;
  columns: string[];
  column_mapping: ColumnMapping | null;
  rows: Record<string, string>[];
  complete: boolean;
  validation_report: ValidationReport;
};
export type DatasetRow = { id: number; text: string; label: string; split: string };
export type LengthBin = { from: number; to: number | null; count: number };
export type DatasetStats = {
  version: string;
  rows: number;
  splits: Splits;
  labels: Record<string, Splits>;
  characters: { bins: LengthBin[]; mean: number; p50: number; p95: number; max: number };
};

export type JobStatus =
  | "validating_files"
  | "queued"
  | "running"
  | "paused"
  | "succeeded"
  | "failed"
  | "cancelled";
export type JobProgress = {
  step: number;
  total: number | null;
  epoch: number;
  epochs?: number;
  rows_per_second: number | null;
  eta_seconds: number | null;
  early_stopped?: boolean;
};
export type Job = {
  id: string;
  object: string;
  status: JobStatus;
  phase: string;
  pausing: boolean;
  model: string;
  tier: string;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  estimated_finish: number | null;
  fine_tuned_model: string | null;
  trained_tokens: number | null;
  training_file: string;
  dataset_version: string | null;
  suffix: string | null;
  queue_position: number | null;
  progress: JobProgress;
  warnings: string[];
  error: { code: string; message: string; param: string | null } | null;
  hyperparameters: Record<string, unknown>;
  metrics: Metrics;
};
export type JobEvent = {
  id: string;
  object: string;
  created_at: number;
  level: "info" | "warn" | "error";
  type: "message" | "metrics";
  code: string | null;
  message: string;
  data: Record<string, unknown>;
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
  exact?: boolean;
};

export type Canary = { model: string; percent: number };
export type Revision = {
  revision: number;
  model: string;
  canary: Canary | null;
  action: string;
  reason: string;
  actor: string;
  created_at: Moment;
};
export type Deployment = {
  id: string;
  object: string;
  name: string;
  model: string;
  canary?: Canary | null;
  revision?: number;
  created_at: Moment;
  updated_at?: Moment;
  revisions?: Revision[];
};

export type ApiKey = {
  id: string;
  object: string;
  name: string;
  prefix: string;
  last4: string;
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

export type AuthSession = {
  id: number;
  current: boolean;
  ip: string;
  user_agent: string;
  created_at: number;
  last_seen_at?: number;
};
