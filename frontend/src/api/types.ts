/** Names for the shapes of the server's OpenAPI file (schema.d.ts), which is the authority. */
import type { components } from "./schema";

type Schemas = components["schemas"];

/** Unix seconds or ISO 8601: OpenAI's objects have the one, ours the other. */
export type Moment = number | string;

export type OrganizationRole = Schemas["RoleEnum"];
export type Membership = Schemas["MembershipOut"];
export type Me = Schemas["MeOut"];
export type Member = Schemas["MemberOut"];

export type HomeStep = Schemas["HomeStep"];
export type Classified = Schemas["ClassifyResponse"];
export type Predicted = Schemas["PredictResponse"];
export type Prediction = Predicted["data"][number];
export type Task = DatasetPreview["task"];

/** What the file says of a model, and what the catalogue adds to a base. */
export type Model = Schemas["ModelSchema"] & {
  name?: string;
  architecture?: string;
  size_parameters?: number;
  languages?: string[];
  licence?: string;
  summary?: string;
  present?: boolean;
};
export type BaseModel = Schemas["BaseModelSchema"];
export type Recommendation = Schemas["RecommendationSchema"];
export type ModelExport = Schemas["ExportOut"];
export type ExportFormat = Schemas["ExportOut"]["format"];
export type Evaluation = Schemas["EvaluationOut"];
export type AnsweredRow = Schemas["AnsweredRowOut"];
export type Difference = Schemas["DifferenceOut"];
export type Metrics = Record<string, unknown>;

export type Issue = Schemas["ReportLineOut"];
export type ValidationReport = Schemas["ReportOut"];
export type ColumnMapping = Schemas["MappingOut"];
export type Splits = Schemas["SplitsOut"];
export type DatasetVersion = Schemas["VersionOut"];
export type Dataset = Schemas["DatasetOut"];
export type DatasetPreview = Schemas["PreviewOut"];
export type DatasetRow = Schemas["RowOut"];
export type LengthBin = Schemas["BinOut"];

export type Batch = Schemas["BatchOut"];
export type BatchCreate = Schemas["BatchRequestInRequest"];
export type BatchEstimate = Schemas["BatchEstimateOut"];

export type Job = Schemas["JobSchema"];
export type JobWarning = Schemas["JobWarningSchema"];
export type CrossValidation = Schemas["CrossValidationSchema"];
export type Search = Schemas["SearchSchema"];
export type Trial = Schemas["TrialSchema"];
export type Checkpoint = Schemas["CheckpointSchema"];
export type RowSample = Schemas["SampleSchema"];
export type LabelError = Schemas["LabelErrorSchema"];
export type JobStatus = Job["status"];
export type JobEvent = Schemas["EventSchema"];
export type JobCreate = Schemas["JobRequestRequest"];
export type Estimate = Schemas["EstimateSchema"];
export type Hyperparameters = Schemas["HyperparametersSchema"];
export type Hyperparameter = Hyperparameters["data"][number];

export type Deployment = Schemas["DeploymentDetailSchema"];
export type Revision = Schemas["RevisionSchema"];
export type Comparison = Schemas["ComparisonSchema"];
export type Side = Schemas["SideSchema"];
export type ShadowSide = Schemas["ShadowSideSchema"];
export type Output = Schemas["OutputSchema"];
export type Rule = Schemas["RuleSchema"];
export type PredictionLog = Schemas["LogStateSchema"];
export type PredictionLogDraft = Schemas["LogSetSchemaRequest"];
export type LoggedPrediction = Schemas["LoggedPredictionSchema"];

export type ApiKey = Schemas["ApiKeyOut"];
export type KeyScope = Schemas["ScopesEnum"];

export type Balance = Schemas["BalanceOut"];
export type UsageBucket = Schemas["UsageBucketOut"];
export type UsagePage = Schemas["UsagePageOut"];
export type UsageResult = Schemas["UsageResultOut"];
export type Grant = Schemas["GrantOut"];
export type Forecast = Schemas["ForecastOut"];
export type MeterForecast = Schemas["MeterForecastOut"];
export type Plan = Schemas["PlanOut"];
export type PlanOffer = Schemas["PlanOfferOut"];
export type Price = Schemas["PriceOut"];
export type Subscription = Schemas["SubscriptionOut"];
export type Cancellation = Schemas["CancellationOut"];
export type Redemption = Schemas["RedemptionOut"];
export type Budget = Schemas["BudgetOut"];
export type BudgetDraft = Schemas["BudgetInRequest"];
export type Notice = Schemas["NoticeOut"];

export type Invoice = Schemas["InvoiceOut"];
export type InvoiceWhole = Schemas["InvoiceWholeOut"];
export type InvoiceLine = Schemas["InvoiceLineOut"];
export type InvoicePayment = Schemas["InvoicePaymentOut"];
export type UpcomingInvoice = Schemas["UpcomingOut"];
export type UpcomingLine = Schemas["UpcomingLineOut"];
export type CreditNote = Schemas["CreditNoteOut"];
/** The server answers with every field; the file calls those optional that may be left out of a call. */
export type BillingProfile = Required<Schemas["ProfileOut"]>;
export type BillingProfileDraft = Omit<BillingProfile, "object">;

export type PlanChangePreview = Schemas["PlanChangeOut"];

export type PaymentSettings = Schemas["PaymentSettingsOut"];
export type Checkout = Schemas["CheckoutOut"];
export type CheckoutDraft = Schemas["CheckoutInRequest"];
export type DemoCard = Schemas["DemoCardInRequest"];
export type PaymentMethod = Schemas["PaymentMethodOut"];
export type AutoTopUp = Schemas["AutoTopUpOut"];
export type AutoTopUpDraft = Schemas["AutoTopUpInRequest"];
export type Payment = Schemas["PaymentOut"];

export type OutcomePolicy = Schemas["PolicyOut"];
export type OutcomeTerms = Schemas["TermsOut"];
export type ContractQuote = Schemas["QuoteOut"];
export type Contract = Schemas["ContractOut"];
export type Outcome = Schemas["OutcomeOut"];
export type OutcomeWhole = Schemas["OutcomeWholeOut"];

export type Webhook = Schemas["WebhookOut"];
export type Delivery = Schemas["DeliveryOut"];

/** allauth's own, which is not in our file. */
export type AuthSession = {
  id: number;
  is_current: boolean;
  ip: string;
  user_agent: string;
  created_at: number;
  last_seen_at?: number;
};
