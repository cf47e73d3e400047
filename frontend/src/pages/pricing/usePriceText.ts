/** A price in words: by the unit, in tiers, by the package or in per cent. */
import { useTranslation } from "react-i18next";
import type { Price } from "@/api/types";
import { priceScaled } from "@/lib/format";
import { useFormat } from "@/lib/useFormat";

export const usePriceText = () => {
  const { t } = useTranslation("pricing");
  const format = useFormat();
  return (price: Price): string[] => {
    const money = (amount: number | string) => format.money(amount, price.currency);
    const each = (unitAmount: string): string => {
      const { amount, per } = priceScaled(unitAmount);
      return per === 1
        ? t("price.each", { amount: money(amount) })
        : t("price.per", { amount: money(amount), per: format.number(per) });
    };
    const tiers = price.tiers.map((tier, place) => {
      const whole = Number(tier.flat_amount) > 0 ? ` + ${money(tier.flat_amount)}` : "";
      const text = `${each(tier.unit_amount)}${whole}`;
      if (tier.up_to) return t("price.upTo", { text, units: format.number(tier.up_to) });
      return place === 0 ? text : t("price.above", { text });
    });
    const lines =
      price.model === "percentage" && price.percent
        ? [t("price.percent", { percent: format.number(price.percent) })]
        : price.package
          ? [
              t("price.package", {
                amount: money(price.package.amount),
                units: format.number(price.package.units),
              }),
            ]
          : tiers.length > 0
            ? tiers
            : [each(price.unit_amount)];
    if (price.model === "volume") lines.push(t("price.volume"));
    if (price.minimum) lines.push(t("price.minimum", { amount: money(price.minimum) }));
    return lines;
  };
};
