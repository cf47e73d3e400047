/** How long a card lasts. */
import type { PaymentMethod } from "@/api/types";

type Ending = Pick<PaymentMethod, "exp_month" | "exp_year">;

/** As it is printed on the card: 04/2029. */
export const cardEnds = ({ exp_month, exp_year }: Ending): string =>
  `${String(exp_month).padStart(2, "0")}/${exp_year}`;

/** Cards are good to the end of their month. */
export const hasEnded = ({ exp_month, exp_year }: Ending, now: Date = new Date()): boolean =>
  now.getTime() >= Date.UTC(exp_year, exp_month);
