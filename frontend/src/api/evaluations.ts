/** Evaluation reports: figures, the rows behind them, the document, versions compared. */
import { queryOptions } from "@tanstack/react-query";
import type { Language } from "@/i18n";
import { api, dataOf, forOrg } from "./client";
import type { Membership } from "./types";

const PAGE_ROWS = 20;

/** Which rows: a cell of the confusion matrix, or the errors that were the surest. */
export type Cell = { true?: string; predicted?: string; order?: "row" | "worst" | "best" };

const of = (model: string) => ({ path: { model } });

export const evaluationQuery = (org: Membership, model: string) =>
  queryOptions({
    queryKey: [org.id, "models", model, "evaluation"],
    queryFn: () =>
      dataOf(api.GET("/v1/models/{model}/evaluation", { ...forOrg(org), params: of(model) })),
  });

export const evaluationRowsQuery = (
  org: Membership,
  model: string,
  cell: Cell,
  after: number | undefined,
) =>
  queryOptions({
    queryKey: [org.id, "models", model, "evaluation", "rows", cell, after ?? -1],
    queryFn: () =>
      dataOf(
        api.GET("/v1/models/{model}/evaluation/rows", {
          ...forOrg(org),
          params: { ...of(model), query: { ...cell, after, limit: PAGE_ROWS } },
        }),
      ),
  });

export const evaluationPdf = (org: Membership, model: string, language: Language): Promise<Blob> =>
  dataOf(
    api.GET("/v1/models/{model}/evaluation.pdf", {
      ...forOrg(org),
      params: { ...of(model), query: { language } },
      parseAs: "blob",
    }),
  ) as Promise<Blob>;

export const compareQuery = (org: Membership, models: readonly string[]) =>
  queryOptions({
    queryKey: [org.id, "models", "compare", ...models],
    enabled: models.length > 1,
    queryFn: () =>
      dataOf(
        api.GET("/v1/models/compare", {
          ...forOrg(org),
          params: { query: { models: models.join(",") } },
        }),
      ),
  });
