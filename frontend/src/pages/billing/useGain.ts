/** What a redeemed code brought, in a sentence. */
import { useTranslation } from "react-i18next";
import type { Redemption } from "@/api/types";
import { inSentence } from "@/lib/format";
import { useFormat } from "@/lib/useFormat";
import { useMeterName } from "../usage/useMeterName";

/** The parts that each kind has are the server's promise; a part that is missing reads as nothing. */
export const useGain = () => {
  const { t } = useTranslation("billing");
  const format = useFormat();
  const meterName = useMeterName();
  const unitsText = ({ meter, units, days }: Redemption): string => {
    const values = {
      units: format.units(units ?? 0, meter ?? ""),
      meter: inSentence(meterName(meter ?? "")),
    };
    return days === null
      ? t("codes.gain.units", values)
      : t("codes.gain.unitsDays", { ...values, count: days });
  };
  const percentText = ({ discount }: Redemption): string => {
    const percent = format.number(discount?.percent ?? 0);
    const left = discount?.invoices_left ?? null;
    return left === null
      ? t("codes.gain.percent", { percent })
      : t("codes.gain.percentLeft", { percent, count: left });
  };
  const amountText = ({ discount }: Redemption): string =>
    t("codes.gain.amount", {
      amount: format.money(discount?.remaining ?? 0, discount?.currency ?? "USD"),
    });
  const texts: Record<Redemption["kind"], (redeemed: Redemption) => string> = {
    units: unitsText,
    percent: percentText,
    amount: amountText,
    trial: ({ days }) => t("codes.gain.trial", { count: days ?? 0 }),
  };
  return (redeemed: Redemption): string => texts[redeemed.kind](redeemed);
};
