/** Deployments: stable names, promoted and rolled back. */
import { queryOptions } from "@tanstack/react-query";
import { api, dataOf, forOrg, longPage } from "./client";
import type { Membership } from "./types";

const of = (id: string) => ({ params: { path: { deployment_id: id } } });

export const deploymentsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "deployments"],
    queryFn: () => dataOf(api.GET("/v1/deployments", { ...forOrg(org), ...longPage })),
  });

export const deploymentQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "deployments", id],
    queryFn: () =>
      dataOf(api.GET("/v1/deployments/{deployment_id}", { ...forOrg(org), ...of(id) })),
  });

export type DeploymentDraft = { name: string; model: string };

export const deploymentCreate = (org: Membership, body: DeploymentDraft) =>
  dataOf(api.POST("/v1/deployments", { ...forOrg(org), body }));

export const deploymentPromote = (org: Membership, id: string, model: string) =>
  dataOf(
    api.POST("/v1/deployments/{deployment_id}/promote", {
      ...forOrg(org),
      ...of(id),
      body: { model },
    }),
  );

export const deploymentRollback = (org: Membership, id: string) =>
  dataOf(
    api.POST("/v1/deployments/{deployment_id}/rollback", { ...forOrg(org), ...of(id), body: {} }),
  );

export const deploymentDelete = async (org: Membership, id: string): Promise<void> => {
  await api.DELETE("/v1/deployments/{deployment_id}", { ...forOrg(org), ...of(id) });
};
