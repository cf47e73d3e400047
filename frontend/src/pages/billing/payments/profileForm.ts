/** The billing details' form: what a fapiao needs is asked for in China alone. */
import type { BillingProfile, BillingProfileDraft } from "@/api/types";

export type FapiaoKind = BillingProfileDraft["fapiao_kind"];
export type ProfileField = keyof BillingProfileDraft;

export const FAPIAO_KINDS: readonly FapiaoKind[] = ["", "general", "special"];
export const FAPIAO_FIELDS = [
  "fapiao_title",
  "fapiao_taxpayer_id",
  "fapiao_address",
  "fapiao_phone",
  "fapiao_bank",
  "fapiao_account",
] as const;
const CHINA = "CN";

export const asksForFapiao = ({ country }: Pick<BillingProfileDraft, "country">): boolean =>
  country === CHINA;

export const profileValues = ({ object: _, ...profile }: BillingProfile): BillingProfileDraft =>
  profile;

/** Fields that are not on screen say nothing. */
export const profileDraft = (values: BillingProfileDraft): BillingProfileDraft => {
  const trimmed = Object.fromEntries(
    Object.entries(values).map(([field, value]) => [field, value.trim()]),
  ) as BillingProfileDraft;
  if (asksForFapiao(values) && values.fapiao_kind !== "") return trimmed;
  const blank = Object.fromEntries(FAPIAO_FIELDS.map((field) => [field, ""]));
  return { ...trimmed, ...blank, fapiao_kind: "" };
};

/** A general fapiao names the buyer; a special one, by which tax is deducted, needs all. */
const NEEDED: Record<FapiaoKind, readonly ProfileField[]> = {
  "": [],
  general: ["fapiao_title", "fapiao_taxpayer_id"],
  special: FAPIAO_FIELDS,
};
/** A unified social credit code has 18 digits and capitals, its forerunners 15 or 20. */
const TAXPAYER_ID = /^(?:[0-9A-Z]{15}|[0-9A-Z]{18}|[0-9A-Z]{20})$/;

export const isNeeded = (field: ProfileField, values: BillingProfileDraft): boolean =>
  asksForFapiao(values) && NEEDED[values.fapiao_kind].includes(field);

export type ProfileFault = "field" | "email" | "taxpayerId";

export const profileFault = (
  field: ProfileField,
  values: BillingProfileDraft,
): ProfileFault | undefined => {
  const value = values[field].trim();
  const needed = isNeeded(field, values);
  if (needed && value === "") return "field";
  if (field === "email" && value !== "" && !/^\S+@\S+\.\S+$/.test(value)) return "email";
  return field === "fapiao_taxpayer_id" && needed && !TAXPAYER_ID.test(value)
    ? "taxpayerId"
    : undefined;
};
