/** Meters and currencies by their everyday names. */
import { useTranslation } from "react-i18next";
import { isCurrency } from "@/lib/format";
import { useKnown } from "@/lib/useKnown";

export const useMeterName = () => {
  const { t } = useTranslation("usage");
  const known = useKnown("usage");
  return (meter: string): string =>
    known("meters", meter) ?? (isCurrency(meter) ? t("credit", { currency: meter }) : meter);
};
