/** What a contract can be about: the newest versions of ready datasets to train on, or deployments that answer. */
import { useQuery } from "@tanstack/react-query";
import { datasetsQuery } from "@/api/datasets";
import { deploymentsQuery } from "@/api/deployments";
import type { OutcomePolicy } from "@/api/types";
import { useOrg } from "@/lib/useOrg";

export type PolicyKind = OutcomePolicy["kind"];
/** `value` is the subject's id, `of` that of what it belongs to. */
export type Subject = { value: string; label: string; of: string };

/** The only task whose rows can be sealed. */
const SEALABLE = "text_classification";

export const useSubjects = (kind: PolicyKind | undefined): Subject[] => {
  const org = useOrg();
  const datasets = useQuery({ ...datasetsQuery(org), enabled: kind === "success_fee" });
  const deployments = useQuery({
    ...deploymentsQuery(org),
    enabled: kind === "confirmed_prediction",
  });
  if (kind === "confirmed_prediction") {
    const found = deployments.data?.data ?? [];
    return found.map(({ id, name }) => ({ value: id, label: name, of: id }));
  }
  const ready = (datasets.data?.data ?? []).filter(
    ({ status, task }) => status === "ready" && task === SEALABLE,
  );
  return ready.map(({ id, name, latest_version }) => ({
    value: latest_version.id,
    label: name,
    of: id,
  }));
};

/** A subject by the name it has today; one that is gone keeps its id. */
export const useSubjectName = () => {
  const org = useOrg();
  const datasets = useQuery(datasetsQuery(org));
  const deployments = useQuery(deploymentsQuery(org));
  return (id: string): string =>
    datasets.data?.data.find(({ latest_version }) => latest_version.id === id)?.name ??
    deployments.data?.data.find((one) => one.id === id)?.name ??
    id;
};
