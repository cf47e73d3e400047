/** What a checkout is for, in words. */
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { plansQuery } from "@/api/billing";
import type { Checkout } from "@/api/types";
import { useNamed } from "@/lib/useNamed";

export const useCheckoutName = () => {
  const { t } = useTranslation("payments");
  const named = useNamed();
  const plans = useQuery(plansQuery);
  return ({ purpose, plan }: Checkout): string => {
    const chosen = plans.data?.data.find(({ code }) => code === plan);
    return t(`checkout.purposes.${purpose}`, { plan: chosen ? named(chosen.name) : (plan ?? "") });
  };
};
