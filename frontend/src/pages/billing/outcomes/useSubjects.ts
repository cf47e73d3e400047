/** What a contract can be about: ready datasets to train on, or deployments that answer. */
import { useQuery } from "@tanstack/react-query";
import { datasetsQuery } from "@/api/datasets";
import { deploymentsQuery } from "@/api/deployments";
import { useOrg } from "@/lib/useOrg";
import type { PolicyKind } from "../payments.types";

export type Subject = { value: string; label: string };

export const useSubjects = (kind: PolicyKind | undefined): Subject[] => {
  const org = useOrg();
  const datasets = useQuery({ ...datasetsQuery(org), enabled: kind === "success_fee" });
  const deployments = useQuery({
    ...deploymentsQuery(org),
    enabled: kind === "confirmed_prediction",
  });
  const ready = (datasets.data?.data ?? []).filter(({ status }) => status === "ready");
  const found = kind === "success_fee" ? ready : (deployments.data?.data ?? []);
  return found.map(({ id, name }) => ({ value: id, label: name }));
};

/** A subject by the name it has today; one that is gone keeps its id. */
export const useSubjectName = () => {
  const org = useOrg();
  const datasets = useQuery(datasetsQuery(org));
  const deployments = useQuery(deploymentsQuery(org));
  const all = [...(datasets.data?.data ?? []), ...(deployments.data?.data ?? [])];
  return (id: string): string => all.find((one) => one.id === id)?.name ?? id;
};
