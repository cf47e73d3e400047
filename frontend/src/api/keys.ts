/** API keys: made once, shown once, revoked at once. */
import { queryOptions } from "@tanstack/react-query";
import { get, post, remove } from "./client";
import type { ApiKey, ApiKeyCreated, List, Membership } from "./types";

export const SCOPES = ["predict", "datasets", "train", "deploy", "billing:read", "admin"] as const;

export const keysQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "keys"],
    queryFn: () => get<List<ApiKey>>("/v1/api_keys", { org: org.id, query: { limit: 100 } }),
  });

export type KeyDraft = { name: string; scopes: string[]; expires_at?: string | undefined };

export const keyCreate = (org: Membership, body: KeyDraft): Promise<ApiKeyCreated> =>
  post<ApiKeyCreated>("/v1/api_keys", { org: org.id, body });

export const keyRevoke = (org: Membership, id: string): Promise<void> =>
  remove(`/v1/api_keys/${id}`, { org: org.id });
