/** The catalogue of base models, and which one to begin with. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, dataOf, forOrg } from "./client";
import type { BaseModel, Membership, Recommendation } from "./types";

export type Asked = {
  language?: string;
  rows?: number;
  prefer: "auto" | "fast" | "accurate";
};

export const basesQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "base_models"],
    queryFn: async (): Promise<BaseModel[]> =>
      (await dataOf(api.GET("/v1/base_models", forOrg(org)))).data,
  });

export const recommendQuery = (org: Membership, asked: Asked) =>
  queryOptions({
    queryKey: [org.id, "base_models", "recommend", asked],
    queryFn: async (): Promise<Recommendation[]> =>
      (
        await dataOf(
          api.GET("/v1/base_models/recommend", { ...forOrg(org), params: { query: asked } }),
        )
      ).data,
    placeholderData: keepPreviousData,
  });
