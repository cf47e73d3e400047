/** Deployments: stable names, promoted and rolled back, paused, compared, shaped. */
import { queryOptions } from "@tanstack/react-query";
import { api, dataOf, forOrg, longPage } from "./client";
import type { Membership, Output, Rule } from "./types";

const of = (id: string) => ({ params: { path: { deployment_id: id } } });

export const deploymentsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "deployments"],
    queryFn: () => dataOf(api.GET("/v1/deployments", { ...forOrg(org), ...longPage })),
  });

const LOOK_MS = 5_000;

/** While models are compared, their figures are read again every few seconds. */
export const deploymentQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "deployments", id],
    queryFn: () =>
      dataOf(api.GET("/v1/deployments/{deployment_id}", { ...forOrg(org), ...of(id) })),
    refetchInterval: ({ state }) =>
      state.data && (state.data.shadow || state.data.canary) ? LOOK_MS : false,
  });

export type DeploymentDraft = { name: string; model: string };

export const deploymentCreate = (org: Membership, body: DeploymentDraft) =>
  dataOf(api.POST("/v1/deployments", { ...forOrg(org), body }));

export type ModelShare = { model: string; percent: number };

type Promotion = { model: string } | { canary: ModelShare };

export const deploymentPromote = (
  org: Membership,
  id: string,
  promotion: Promotion,
  force: boolean,
) =>
  dataOf(
    api.POST("/v1/deployments/{deployment_id}/promote", {
      ...forOrg(org),
      ...of(id),
      body: { ...promotion, force },
    }),
  );

export const deploymentRollback = (org: Membership, id: string) =>
  dataOf(
    api.POST("/v1/deployments/{deployment_id}/rollback", { ...forOrg(org), ...of(id), body: {} }),
  );

export const deploymentPause = (org: Membership, id: string) =>
  dataOf(
    api.POST("/v1/deployments/{deployment_id}/pause", { ...forOrg(org), ...of(id), body: {} }),
  );

export const deploymentResume = (org: Membership, id: string) =>
  dataOf(
    api.POST("/v1/deployments/{deployment_id}/resume", { ...forOrg(org), ...of(id), body: {} }),
  );

export const shadowBegin = (org: Membership, id: string, body: ModelShare) =>
  dataOf(api.PUT("/v1/deployments/{deployment_id}/shadow", { ...forOrg(org), ...of(id), body }));

export const shadowEnd = (org: Membership, id: string) =>
  dataOf(api.DELETE("/v1/deployments/{deployment_id}/shadow", { ...forOrg(org), ...of(id) }));

export const outputSet = (org: Membership, id: string, body: Output) =>
  dataOf(api.PUT("/v1/deployments/{deployment_id}/output", { ...forOrg(org), ...of(id), body }));

export const rulesSet = (org: Membership, id: string, rules: Rule[]) =>
  dataOf(
    api.PUT("/v1/deployments/{deployment_id}/rules", {
      ...forOrg(org),
      ...of(id),
      body: { rules },
    }),
  );

export const deploymentDelete = async (org: Membership, id: string): Promise<void> => {
  await api.DELETE("/v1/deployments/{deployment_id}", { ...forOrg(org), ...of(id) });
};
