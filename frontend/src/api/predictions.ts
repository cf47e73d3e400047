/** The prediction log of a deployment: what is kept, and its rows. */
import { queryOptions } from "@tanstack/react-query";
import { api, dataOf, forOrg } from "./client";
import type { Membership, PredictionLogDraft } from "./types";

const of = (id: string) => ({ params: { path: { deployment_id: id } } });

const LOOK_MS = 5_000;

/** While calls are kept, figures and newest rows are read again every few seconds. */
export const predictionLogQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "deployments", id, "log"],
    queryFn: () =>
      dataOf(
        api.GET("/v1/deployments/{deployment_id}/prediction_log", { ...forOrg(org), ...of(id) }),
      ),
    refetchInterval: ({ state }) => (state.data?.enabled ? LOOK_MS : false),
  });

export const predictionLogSet = (org: Membership, id: string, body: PredictionLogDraft) =>
  dataOf(
    api.PUT("/v1/deployments/{deployment_id}/prediction_log", {
      ...forOrg(org),
      ...of(id),
      body,
    }),
  );

export type LogFilters = {
  label?: string;
  model?: string;
  score_below?: number;
  from?: number;
  to?: number;
};

export const PAGE_ROWS = 25;

export const predictionsQuery = (
  org: Membership,
  id: string,
  filters: LogFilters,
  after: string | undefined,
) =>
  queryOptions({
    queryKey: [org.id, "deployments", id, "predictions", filters, after ?? ""],
    queryFn: () =>
      dataOf(
        api.GET("/v1/deployments/{deployment_id}/predictions", {
          ...forOrg(org),
          params: {
            path: { deployment_id: id },
            query: { ...filters, limit: PAGE_ROWS, ...(after ? { after } : {}) },
          },
        }),
      ),
    refetchInterval: after ? false : LOOK_MS,
  });

export type LogForm = "jsonl" | "csv";

/** A file of the rows, and whether it holds all of them. */
export const predictionsFile = async (
  org: Membership,
  id: string,
  form: LogForm,
  filters: LogFilters,
): Promise<{ blob: Blob; whole: boolean }> => {
  const { data, response } = await api.GET(`/v1/deployments/{deployment_id}/predictions.${form}`, {
    ...forOrg(org),
    params: { path: { deployment_id: id }, query: filters },
    parseAs: "blob",
  });
  return { blob: data as unknown as Blob, whole: !response.headers.has("x-more-after") };
};

export const predictionsForget = (org: Membership, id: string) =>
  dataOf(api.DELETE("/v1/deployments/{deployment_id}/predictions", { ...forOrg(org), ...of(id) }));

export const predictionForget = (org: Membership, id: string) =>
  dataOf(
    api.DELETE("/v1/predictions/{prediction_id}", {
      ...forOrg(org),
      params: { path: { prediction_id: id } },
    }),
  );
