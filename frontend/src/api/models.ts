/** What can be called: shipped models, own versions, own deployments; and the bases to start from. */
import { queryOptions } from "@tanstack/react-query";
import { api, dataOf, forOrg } from "./client";
import type { Membership, Model } from "./types";

export const modelsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "models"],
    queryFn: async (): Promise<Model[]> => (await dataOf(api.GET("/v1/models", forOrg(org)))).data,
  });

const named = (model: string) => ({ params: { path: { model } } });

export const modelQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "models", id],
    queryFn: (): Promise<Model> =>
      dataOf(api.GET("/v1/models/{model}", { ...forOrg(org), ...named(id) })),
  });

export const modelDelete = async (org: Membership, id: string): Promise<void> => {
  await api.DELETE("/v1/models/{model}", { ...forOrg(org), ...named(id) });
};
