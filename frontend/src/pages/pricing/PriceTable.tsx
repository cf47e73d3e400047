import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Price } from "@/api/types";
import { useKnown } from "@/lib/useKnown";
import { useNamed } from "@/lib/useNamed";
import classes from "./Pricing.module.css";
import { usePriceText } from "./usePriceText";

const keyOf = (price: Price): string => `${price.meter} ${JSON.stringify(price.match)}`;

/** Which usage a price is for: "Batch", or the plain key and value of what is new. */
const useMatchText = () => {
  const known = useKnown("pricing");
  return (match: Record<string, string>): string =>
    Object.entries(match)
      .map(([key, value]) => known("match", `${key}_${value}`) ?? `${key}: ${value}`)
      .join(", ");
};

/** What each meter costs. */
export const PriceTable = ({ prices }: { prices: readonly Price[] }) => {
  const { t } = useTranslation("pricing");
  const named = useNamed();
  const matchText = useMatchText();
  const priceText = usePriceText();
  return (
    <table className={classes.table}>
      <caption className={classes.caption}>{t("prices.title")}</caption>
      <thead>
        <tr>
          <th scope="col">{t("prices.what")}</th>
          <th scope="col" className={classes.unit}>
            {t("prices.unit")}
          </th>
          <th scope="col">{t("prices.price")}</th>
        </tr>
      </thead>
      <tbody>
        {prices.map((price) => (
          <tr key={keyOf(price)}>
            <th scope="row">
              {named(price.name)}
              <Text span c="dimmed" size="sm" className={classes.unitBelow}>
                {t("prices.by", { unit: named(price.unit) })}
              </Text>
              {Object.keys(price.match).length > 0 ? (
                <Text span c="dimmed" size="sm" display="block">
                  {matchText(price.match)}
                </Text>
              ) : null}
            </th>
            <td className={classes.unit}>{named(price.unit)}</td>
            <td>
              {priceText(price).map((line) => (
                <div key={line}>{line}</div>
              ))}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
};
