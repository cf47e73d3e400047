import { useTranslation } from "react-i18next";
import { StatusBadge } from "@/ui/StatusBadge";
import type { Contract } from "../payments.types";

/** Whether anything new falls under it. */
export const ContractStatus = ({ contract }: { contract: Contract }) => {
  const { t } = useTranslation("contracts");
  const status = contract.ended_at === null ? "active" : "ended";
  return <StatusBadge status={status} label={t(`status.${status}`)} />;
};
