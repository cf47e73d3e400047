/** Sums of invoices and payments in the reader's language; apart from the other formatters, for public pages need none. */
import { useTranslation } from "react-i18next";
import { type Amount, formatCoins } from "./money";

export const useCoins = () => {
  const { i18n } = useTranslation();
  return (amount: Amount, currency: string): string => formatCoins(amount, currency, i18n.language);
};
