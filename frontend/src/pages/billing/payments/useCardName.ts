/** A card by its brand and last digits. */
import { useTranslation } from "react-i18next";
import type { PaymentMethod } from "@/api/types";
import { useKnown } from "@/lib/useKnown";

export const useCardName = () => {
  const { t } = useTranslation("payments");
  const known = useKnown("payments");
  return ({ brand, last4 }: Pick<PaymentMethod, "brand" | "last4">): string =>
    t("cards.name", { brand: known("brands", brand) ?? brand, last4 });
};
