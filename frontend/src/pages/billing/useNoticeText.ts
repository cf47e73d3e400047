/** A notice in a sentence. */
import { useTranslation } from "react-i18next";
import type { Notice } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useMeterName } from "../usage/useMeterName";

export const useNoticeText = () => {
  const { t } = useTranslation("billing");
  const format = useFormat();
  const meterName = useMeterName();
  return (notice: Notice): { title: string; text: string } => {
    if (notice.kind === "plan") {
      return {
        title: t("notices.plan", { plan: notice.plan }),
        text: t(notice.reason === "payment" ? "notices.planPayment" : "notices.planCurrency"),
      };
    }
    const values = {
      unit: meterName(notice.unit),
      percent: notice.threshold,
      used: format.units(notice.used, notice.unit),
      amount: format.units(notice.amount, notice.unit),
    };
    return {
      title: t(notice.budget ? "notices.budget" : "notices.balance", values),
      text: t("notices.used", values),
    };
  };
};
