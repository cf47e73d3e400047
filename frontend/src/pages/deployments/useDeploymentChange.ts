/** What is done to a deployment: one mutation, since only one can run at a time. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import {
  deploymentDelete,
  deploymentPause,
  deploymentPromote,
  deploymentResume,
  deploymentRollback,
  type ModelShare,
  outputSet,
  rulesSet,
  shadowBegin,
  shadowEnd,
} from "@/api/deployments";
import type { Deployment, Membership, Output, Rule } from "@/api/types";
import { useOrg } from "@/lib/useOrg";

export type Change =
  | { action: "promote"; model: string; force?: boolean }
  | { action: "canary"; canary: ModelShare; force?: boolean }
  | { action: "canaryEnd"; model: string }
  | { action: "rollback" | "pause" | "resume" | "shadowEnd" | "delete" }
  | { action: "shadow"; shadow: ModelShare }
  | { action: "output"; output: Output }
  | { action: "rules"; rules: Rule[] };

const make = (org: Membership, id: string, change: Change): Promise<unknown> => {
  switch (change.action) {
    case "promote":
      return deploymentPromote(org, id, { model: change.model }, change.force ?? false);
    case "canary":
      return deploymentPromote(org, id, { canary: change.canary }, change.force ?? false);
    case "canaryEnd":
      return deploymentPromote(org, id, { model: change.model }, false);
    case "rollback":
      return deploymentRollback(org, id);
    case "pause":
      return deploymentPause(org, id);
    case "resume":
      return deploymentResume(org, id);
    case "shadow":
      return shadowBegin(org, id, change.shadow);
    case "shadowEnd":
      return shadowEnd(org, id);
    case "output":
      return outputSet(org, id, change.output);
    case "rules":
      return rulesSet(org, id, change.rules);
    case "delete":
      return deploymentDelete(org, id);
  }
};

export const useDeploymentChange = (row: Deployment) => {
  const org = useOrg();
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: (change: Change) => make(org, row.id, change),
    onSuccess: async (_, change) => {
      if (change.action === "delete") {
        await navigate({ to: "/o/$org/deployments", params: { org: org.slug } });
      }
      await client.invalidateQueries({ queryKey: [org.id, "deployments"] });
      await client.invalidateQueries({ queryKey: [org.id, "models"] });
    },
  });
};

export type DeploymentChange = ReturnType<typeof useDeploymentChange>;

/** Whether this very change is under way. */
export const isUnderWay = (change: DeploymentChange, action: Change["action"]): boolean =>
  change.isPending && change.variables?.action === action;

/** The fault of this very change, to be shown where it was asked for. */
export const faultOf = (change: DeploymentChange, ...actions: Change["action"][]): unknown =>
  change.variables && actions.includes(change.variables.action) ? change.error : null;
