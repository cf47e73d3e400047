/** What can be called: shipped models, own versions, own deployments; and the bases to start from. */
import { queryOptions } from "@tanstack/react-query";
import { get, post, remove } from "./client";
import type { Deployment, List, Membership, Model } from "./types";

export const modelsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "models"],
    queryFn: () => get<List<Model>>("/v1/models", { org: org.id }),
  });

export const modelQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "models", id],
    queryFn: () => get<Model>(`/v1/models/${encodeURIComponent(id)}`, { org: org.id }),
  });

export const modelDelete = (org: Membership, id: string): Promise<void> =>
  remove(`/v1/models/${encodeURIComponent(id)}`, { org: org.id });

export const deploymentQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "deployments", id],
    queryFn: () => get<Deployment>(`/v1/deployments/${id}`, { org: org.id }),
  });

export const deploymentsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "deployments"],
    queryFn: () => get<List<Deployment>>("/v1/deployments", { org: org.id, query: { limit: 100 } }),
  });

export type DeploymentDraft = { name: string; model: string };

export const deploymentCreate = (org: Membership, body: DeploymentDraft): Promise<Deployment> =>
  post<Deployment>("/v1/deployments", { org: org.id, body });

export const deploymentPromote = (
  org: Membership,
  id: string,
  model: string,
): Promise<Deployment> =>
  post<Deployment>(`/v1/deployments/${id}/promote`, { org: org.id, body: { model } });

export const deploymentRollback = (org: Membership, id: string): Promise<Deployment> =>
  post<Deployment>(`/v1/deployments/${id}/rollback`, { org: org.id, body: {} });

export const deploymentDelete = (org: Membership, id: string): Promise<void> =>
  remove(`/v1/deployments/${id}`, { org: org.id });
