/** API keys: made once, shown once, revoked at once. */
import { queryOptions } from "@tanstack/react-query";
import { api, dataOf, forOrg, longPage } from "./client";
import type { KeyScope, Membership } from "./types";

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

export type KeyDraft = { name: string; scopes: KeyScope[]; expires_at?: string };

export const keyCreate = (org: Membership, body: KeyDraft) =>
  dataOf(api.POST("/v1/api_keys", { ...forOrg(org), body }));

export const keyRevoke = async (org: Membership, id: string): Promise<void> => {
  await api.DELETE("/v1/api_keys/{key_id}", {
    ...forOrg(org),
    params: { path: { key_id: id } },
  });
};
