/** Promote, roll back, delete: one mutation, since only one can run at a time. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { deploymentDelete, deploymentPromote, deploymentRollback } from "@/api/deployments";
import type { Deployment } from "@/api/types";
import { useOrg } from "@/lib/useOrg";

type Change = { action: "promote"; model: string } | { action: "rollback" } | { action: "delete" };

export const useDeploymentChange = (row: Deployment) => {
  const org = useOrg();
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: async (change: Change): Promise<void> => {
      if (change.action === "promote") await deploymentPromote(org, row.id, change.model);
      else if (change.action === "rollback") await deploymentRollback(org, row.id);
      else await deploymentDelete(org, row.id);
    },
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
