/** API keys: made once, shown once, limited and revoked at once. */
import { queryOptions } from "@tanstack/react-query";
import { api, dataOf, forOrg, longPage } from "./client";
import type { ApiKey, KeyScope, Membership } from "./types";

const of = (id: string) => ({ params: { path: { key_id: id } } });

export const SCOPES: readonly KeyScope[] = [
  "predict",
  "datasets",
  "train",
  "deploy",
  "billing:read",
  "admin",
];

export const keysQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "keys"],
    queryFn: () => dataOf(api.GET("/v1/api_keys", { ...forOrg(org), ...longPage })),
  });

export type KeyLimits = Pick<ApiKey, "requests_per_minute" | "calls_in_flight">;
export type KeyDraft = { name: string; scopes: KeyScope[]; expires_at?: string } & KeyLimits;

export const keyCreate = (org: Membership, body: KeyDraft) =>
  dataOf(api.POST("/v1/api_keys", { ...forOrg(org), body }));

export const keyLimit = (org: Membership, id: string, body: KeyLimits) =>
  dataOf(api.PATCH("/v1/api_keys/{key_id}", { ...forOrg(org), ...of(id), body }));

export const keyRevoke = async (org: Membership, id: string): Promise<void> => {
  await api.DELETE("/v1/api_keys/{key_id}", { ...forOrg(org), ...of(id) });
};
