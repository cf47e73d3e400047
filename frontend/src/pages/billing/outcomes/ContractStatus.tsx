import { useTranslation } from "react-i18next";
import type { Contract } from "@/api/types";
import { StatusBadge } from "@/ui/StatusBadge";

/** Whether anything new falls under it. */
export const ContractStatus = ({ contract }: { contract: Contract }) => {
  const { t } = useTranslation("contracts");
  return <StatusBadge status={contract.state} label={t(`inForce.${contract.state}`)} />;
};
