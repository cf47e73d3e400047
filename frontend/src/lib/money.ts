/** Money by its coins (ISO 4217), as invoices and payments are counted; and sums as people type them. */

const NO_DECIMALS = new Set(
  "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(" "),
);
const THREE_DECIMALS = new Set("BHD IQD JOD KWD LYD OMR TND".split(" "));

/** How many decimals the currency has. Not asked of the browser: it drops those of some currencies. */
export const decimalsOf = (currency: string): number => {
  if (NO_DECIMALS.has(currency)) return 0;
  return THREE_DECIMALS.has(currency) ? 3 : 2;
};

/** An exact decimal as the server writes it, such as "-12.50". */
export type Amount = string;

/** Every coin is shown, and nothing is rounded on the way: the text goes in as it is. */
export const formatCoins = (amount: Amount, currency: string, language: string): string => {
  const decimals = decimalsOf(currency);
  return new Intl.NumberFormat(language, {
    style: "currency",
    currency,
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  }).format(amount as `${number}`);
};

export type Bounds = { least: Amount; most: Amount };
export type AmountFault = "needed" | "coins" | "least" | "most";

const PLAIN = /^\d+(?:\.(\d+))?$/;

/** What is wrong with an amount somebody typed; undefined when it can be paid. */
export const amountFault = (
  typed: string | number,
  currency: string,
  bounds: Bounds,
): AmountFault | undefined => {
  const found = PLAIN.exec(String(typed));
  if (!found) return "needed";
  if ((found[1] ?? "").length > decimalsOf(currency)) return "coins";
  if (Number(typed) < Number(bounds.least)) return "least";
  return Number(typed) > Number(bounds.most) ? "most" : undefined;
};

/** Round sums to choose from, those that may be paid. */
const ROUND = [5, 10, 20, 25, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000] as const;
const CHOICES = 4;

export const sumsOffered = ({ least, most }: Bounds): number[] =>
  ROUND.filter((sum) => sum >= 2 * Number(least) && sum <= Number(most)).slice(0, CHOICES);

/** Sums of floats end in a tail of their own; the books have twelve decimals. */
const EXACT_DIGITS = 12;

export const added = (one: number | Amount, other: number | Amount): number =>
  Number((Number(one) + Number(other)).toFixed(EXACT_DIGITS));
