/** The members of a group by the names people gave them. */
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { deploymentsQuery } from "@/api/deployments";
import { keysQuery } from "@/api/keys";
import type { Group } from "@/lib/periods";
import { useCan, useOrg } from "@/lib/useOrg";
import { useMeterName } from "./useMeterName";

export const useMemberName = (group: Group) => {
  const { t } = useTranslation("usage");
  const org = useOrg();
  const meterName = useMeterName();
  const keysAllowed = useCan("keys");
  const keys = useQuery({ ...keysQuery(org), enabled: group === "api_key_id" && keysAllowed });
  const deployments = useQuery({ ...deploymentsQuery(org), enabled: group === "deployment_id" });
  return (member: string): string => {
    if (member === "") return t(`without.${group}`);
    if (group === "meter") return meterName(member);
    const known = group === "api_key_id" ? keys.data?.data : deployments.data?.data;
    return known?.find(({ id }) => id === member)?.name ?? member;
  };
};
