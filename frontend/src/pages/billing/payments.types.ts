/** Shapes of payments, by hand until the OpenAPI file has them. */
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

type Call = <T>(path: string, init?: object) => Promise<{ data?: T }>;

/** The client, for routes that the file does not have yet. */
export const loose = api as unknown as Record<"GET" | "POST" | "PUT" | "DELETE", Call>;
