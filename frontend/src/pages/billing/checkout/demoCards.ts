/** The numbers that the local card page takes. A real card is never sent anywhere. */

/** What each of them does, by the name of its text. */
export const DEMO_CARDS = [
  { number: "4242 4242 4242 4242", does: "pays" },
  { number: "4000 0000 0000 0002", does: "declined" },
  { number: "4000 0000 0000 9995", does: "funds" },
  { number: "4000 0000 0000 0341", does: "later" },
] as const;

export type CardValues = { number: string; exp: string; cvc: string };
export type CardFault = "number" | "exp" | "ended" | "cvc";

export const digitsOf = (text: string): string => text.replace(/\D/g, "");

/** In fours, as cards print it. */
export const inFours = (text: string): string =>
  digitsOf(text)
    .slice(0, 16)
    .replace(/(\d{4})(?=\d)/g, "$1 ");

const EXPIRY = /^(0[1-9]|1[0-2])\s*\/\s*(\d{2})$/;
const CENTURY = 2000;

export const cardFault = (
  field: keyof CardValues,
  values: CardValues,
  now: Date = new Date(),
): CardFault | undefined => {
  if (field === "number") {
    const known = DEMO_CARDS.some(({ number }) => digitsOf(number) === digitsOf(values.number));
    return known ? undefined : "number";
  }
  if (field === "cvc") return /^\d{3,4}$/.test(values.cvc.trim()) ? undefined : "cvc";
  const [, month, year] = EXPIRY.exec(values.exp.trim()) ?? [];
  if (!month || !year) return "exp";
  const ends = Date.UTC(CENTURY + Number(year), Number(month));
  return now.getTime() < ends ? undefined : "ended";
};
