/** Models that can stand in a deployment's place, without those that have one already. */
import { useQuery } from "@tanstack/react-query";
import { modelsQuery } from "@/api/models";
import { useOrg } from "@/lib/useOrg";

export const useOtherModels = (...taken: (string | undefined)[]): string[] => {
  const models = useQuery(modelsQuery(useOrg()));
  return (models.data ?? [])
    .filter((one) => one.kind === "fine_tuned" || one.kind === "shipped")
    .map((one) => one.id)
    .filter((id) => !taken.includes(id));
};
