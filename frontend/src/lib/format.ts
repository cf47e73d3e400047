/** Numbers, dates and spans in the reader's language. */
import type { Moment } from "@/api/types";

export const dateOf = (moment: Moment): Date =>
  typeof moment === "number" ? new Date(moment * 1000) : new Date(moment);

export const formatNumber = (value: number | string, language: string): string =>
  new Intl.NumberFormat(language, { maximumFractionDigits: 2 }).format(Number(value));

const FIGURE_DIGITS = 4;

/** A measured figure of any size: an error of 0.00123 is not 0. */
export const formatFigure = (value: number, language: string): string =>
  new Intl.NumberFormat(language, { maximumSignificantDigits: FIGURE_DIGITS }).format(value);

export const formatPercent = (share: number, language: string, digits = 1): string =>
  new Intl.NumberFormat(language, {
    style: "percent",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(share);

export const formatDate = (moment: Moment, language: string): string =>
  new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(dateOf(moment));

/** A day that the server counts, of UTC or another zone, wherever the reader is. */
export const formatDay = (moment: Moment, language: string, zone = "UTC"): string =>
  new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: zone }).format(dateOf(moment));

/** Whether the browser knows a time zone's name; a new one may be the server's alone. */
export const isZone = (zone: string): boolean => {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: zone }));
  } catch {
    return false;
  }
};

export const formatDateTime = (moment: Moment, language: string): string =>
  new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(
    dateOf(moment),
  );

export const formatClock = (moment: Moment, language: string): string =>
  new Intl.DateTimeFormat(language, { timeStyle: "medium" }).format(dateOf(moment));

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** "3 minutes ago", "in 2 days", "now". */
export const formatAgo = (moment: Moment, language: string, now: number = Date.now()): string => {
  const seconds = Math.round((dateOf(moment).getTime() - now) / 1000);
  const span = Math.abs(seconds);
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  if (span < MINUTE) return relative.format(0, "second");
  if (span < HOUR) return relative.format(Math.trunc(seconds / MINUTE), "minute");
  if (span < DAY) return relative.format(Math.trunc(seconds / HOUR), "hour");
  return relative.format(Math.trunc(seconds / DAY), "day");
};

const unit = (value: number, name: string, language: string): string =>
  new Intl.NumberFormat(language, { style: "unit", unit: name, unitDisplay: "short" }).format(
    value,
  );

/** "40 sec", "6 min", "2 hr 5 min". */
export const formatSpan = (seconds: number, language: string): string => {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < MINUTE) return unit(whole, "second", language);
  if (whole < HOUR) return unit(Math.round(whole / MINUTE), "minute", language);
  const hours = Math.floor(whole / HOUR);
  const minutes = Math.round((whole % HOUR) / MINUTE);
  const parts = [unit(hours, "hour", language)];
  if (minutes > 0) parts.push(unit(minutes, "minute", language));
  return parts.join(" ");
};

export const formatMilliseconds = (milliseconds: number, language: string): string =>
  unit(Math.max(1, Math.round(milliseconds)), "millisecond", language);

/** Money as the server wrote it; the server rounds, the page never does. */
export const formatMoney = (amount: number | string, currency: string, language: string): string =>
  new Intl.NumberFormat(language, {
    style: "currency",
    currency,
    maximumFractionDigits: 12,
  }).format(Number(amount));

/** A round sum as it is said: $19, not $19.00. */
export const formatSum = (amount: number | string, currency: string, language: string): string =>
  new Intl.NumberFormat(language, {
    style: "currency",
    currency,
    trailingZeroDisplay: "stripIfInteger",
  }).format(Number(amount));

/** A name within a sentence; capitals of abbreviations stay. */
export const inSentence = (name: string): string =>
  /^\p{Lu}\p{Ll}/u.test(name) ? name.charAt(0).toLowerCase() + name.slice(1) : name;

/** An estimate of money, as fine as it deserves: cents, and below one of the currency two more. */
export const formatEstimate = (
  amount: number | string,
  currency: string,
  language: string,
): string =>
  new Intl.NumberFormat(language, {
    style: "currency",
    currency,
    maximumFractionDigits: Math.abs(Number(amount)) < 1 ? 4 : 2,
  }).format(Number(amount));

/** Units of a meter, or money where the unit is a currency. */
export const formatUnits = (amount: number | string, unit: string, language: string): string =>
  isCurrency(unit) ? formatMoney(amount, unit, language) : formatNumber(amount, language);

/** Meters are lower case, currencies three capitals. */
export const isCurrency = (unit: string): boolean => /^[A-Z]{3}$/.test(unit);

const PER = [1, 1_000, 1_000_000] as const;
const READABLE = 0.01;
const EXACT_DIGITS = 12;

/** Small prices by the thousand or million: 0.0000005 is hard to read, 0.50 for a million is not. */
export const priceScaled = (unitAmount: string): { amount: number; per: number } => {
  const amount = Number(unitAmount);
  const per = amount === 0 ? 1 : (PER.find((many) => amount * many >= READABLE) ?? 1_000_000);
  return { amount: Number((amount * per).toPrecision(EXACT_DIGITS)), per };
};
