/** Shapes of invoices, payments and outcomes, by hand until the OpenAPI file has them. */
import { api } from "@/api/client";
import type { Amount } from "@/lib/money";

export type Page<T> = { object: string; data: T[]; has_more: boolean; last_id?: string | null };

export type PaymentSettings = {
  object: string;
  provider: "stripe" | "demo";
  currency: string;
  top_up: { least: Amount; most: Amount };
};

export type CheckoutPurpose = "top_up" | "plan" | "payment_method" | "invoice";

export type Checkout = {
  id: string;
  object: string;
  purpose: CheckoutPurpose;
  status: "open" | "complete" | "expired";
  url: string | null;
  amount: Amount | null;
  currency: string | null;
  plan: string | null;
  invoice: string | null;
  expires_at: string;
};

export type CheckoutDraft = {
  purpose: CheckoutPurpose;
  amount?: Amount;
  currency?: string;
  plan?: string;
  time_zone?: string;
  invoice?: string;
  return_path: string;
};

export type Card = { card_number: string; exp: string; cvc: string };

export type PaymentMethod = {
  id: string;
  object: string;
  brand: string;
  last4: string;
  exp_month: number;
  exp_year: number;
  is_default: boolean;
  created_at: string;
};

export type AutoTopUp = {
  object: string;
  enabled: boolean;
  currency: string;
  threshold: Amount | null;
  amount: Amount | null;
  daily_cap: Amount | null;
};

export type AutoTopUpDraft = {
  enabled: boolean;
  threshold: Amount | null;
  amount: Amount | null;
  daily_cap: Amount | null;
};

export type Payment = {
  id: string;
  object: string;
  status: "processing" | "succeeded" | "failed" | "refunded" | "disputed";
  purpose: CheckoutPurpose;
  amount: Amount;
  refunded: Amount;
  currency: string;
  invoice: string | null;
  brand: string | null;
  last4: string | null;
  failure_code: string | null;
  created_at: string;
};

export type PolicyKind = "success_fee" | "confirmed_prediction";
type Texts = { en: string; "zh-Hans": string };

export type OutcomePolicy = {
  code: string;
  version: number;
  kind: PolicyKind;
  name: Texts;
  price: Amount;
  currency: string;
  margin: string;
  level: string;
  window_days: number | null;
  dispute_days: number;
};

/** What is accepted, word for word. */
export type ContractDocument = {
  policy: string;
  version: number;
  kind: PolicyKind;
  name: Texts;
  price: Amount;
  currency: string;
  margin: string;
  level: string;
  window_days: number | null;
  dispute_days: number;
  subject: string;
  facts: Record<string, unknown>;
  text: Texts;
};

export type ContractDraft = { policy: string; subject: string };

export type ContractQuote = { object: string; document: ContractDocument; terms_hash: string };

export type Contract = {
  id: string;
  object: string;
  kind: PolicyKind;
  subject: string;
  document: ContractDocument;
  terms_hash: string;
  accepted_by: string;
  accepted_at: string;
  ended_by: string | null;
  ended_at: string | null;
};

export type OutcomeState = "pending" | "confirmed" | "assumed" | "reversed" | "disputed";

export type Outcome = {
  id: string;
  object: string;
  contract: string;
  kind: PolicyKind;
  subject: string;
  period: { starts_at: string; ends_at: string } | null;
  state: OutcomeState;
  quantity: string;
  unit_price: Amount;
  amount: Amount;
  currency: string;
  settle_at: string | null;
  decided_at: string | null;
  dispute_until: string | null;
  created_at: string;
};

export type OutcomeStep = {
  state: OutcomeState;
  at: string;
  actor: string;
  evidence: Record<string, unknown>;
};
export type OutcomeWhole = Outcome & { steps: OutcomeStep[] };

type Call = <T>(path: string, init?: object) => Promise<{ data?: T }>;

/** The client, for routes that the file does not have yet. */
export const loose = api as unknown as Record<"GET" | "POST" | "PUT" | "DELETE", Call>;
