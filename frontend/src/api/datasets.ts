/** Datasets: list, one, its rows and figures, upload. */
import { queryOptions } from "@tanstack/react-query";
import { get, post, remove } from "./client";
import type {
  Dataset,
  DatasetRow,
  DatasetStats,
  DatasetVersion,
  List,
  Membership,
} from "./types";

export const datasetsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "datasets"],
    queryFn: () => get<List<Dataset>>("/v1/datasets", { org: org.id, query: { limit: 100 } }),
  });

export const datasetQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "datasets", id],
    queryFn: () => get<Dataset>(`/v1/datasets/${id}`, { org: org.id }),
  });

export const datasetVersionsQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "datasets", id, "versions"],
    queryFn: () => get<List<DatasetVersion>>(`/v1/datasets/${id}/versions`, { org: org.id }),
  });

export const datasetStatsQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "datasets", id, "stats"],
    queryFn: () => get<DatasetStats>(`/v1/datasets/${id}/stats`, { org: org.id }),
  });

export const PAGE_ROWS = 25;

export const datasetRowsQuery = (org: Membership, id: string, after: string | undefined) =>
  queryOptions({
    queryKey: [org.id, "datasets", id, "rows", after ?? ""],
    queryFn: () =>
      get<List<DatasetRow>>(`/v1/datasets/${id}/rows`, {
        org: org.id,
        query: { after, limit: PAGE_ROWS },
      }),
  });

export type Mapping = { text: string; label: string };
export type DatasetCreate = { file: File; name: string; mapping: Mapping };

export const datasetCreate = (org: Membership, draft: DatasetCreate): Promise<Dataset> => {
  const form = new FormData();
  form.set("file", draft.file);
  form.set("name", draft.name);
  form.set("column_mapping", JSON.stringify(draft.mapping));
  return post<Dataset>("/v1/datasets", { org: org.id, body: form });
};

export const datasetDelete = (org: Membership, id: string): Promise<void> =>
  remove(`/v1/datasets/${id}`, { org: org.id });
