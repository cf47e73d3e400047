/** Datasets: list, one, its rows and figures, upload. */
import { queryOptions } from "@tanstack/react-query";
import { get, post, remove } from "./client";
import type {
  ColumnMapping,
  Dataset,
  DatasetPreview,
  DatasetRow,
  DatasetStats,
  DatasetVersion,
  List,
  Membership,
} from "./types";

/** Long files are read in the background. */
const POLL_MS = 1500;

export const datasetsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "datasets"],
    queryFn: () => get<List<Dataset>>("/v1/datasets", { org: org.id, query: { limit: 100 } }),
    refetchInterval: (query) =>
      query.state.data?.data.some((dataset) => dataset.status === "processing") ? POLL_MS : false,
  });

export const datasetQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "datasets", id],
    queryFn: () => get<Dataset>(`/v1/datasets/${id}`, { org: org.id }),
    refetchInterval: (query) => (query.state.data?.status === "processing" ? POLL_MS : false),
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

export const datasetRowsQuery = (org: Membership, id: string, after: number | undefined) =>
  queryOptions({
    queryKey: [org.id, "datasets", id, "rows", after ?? ""],
    queryFn: () =>
      get<List<DatasetRow>>(`/v1/datasets/${id}/rows`, {
        org: org.id,
        query: { after, limit: PAGE_ROWS },
      }),
  });

export type PreviewRequest = { file: File; mapping?: ColumnMapping };
export type DatasetCreate = { file: File; name: string; mapping: ColumnMapping };

const formOf = (file: File, mapping: ColumnMapping | undefined): FormData => {
  const form = new FormData();
  form.set("file", file);
  if (mapping) form.set("column_mapping", JSON.stringify(mapping));
  return form;
};

/** A look at the file by the server, which stores nothing. */
export const datasetPreview = (
  org: Membership,
  { file, mapping }: PreviewRequest,
): Promise<DatasetPreview> =>
  post<DatasetPreview>("/v1/datasets/preview", { org: org.id, body: formOf(file, mapping) });

export const datasetCreate = (org: Membership, draft: DatasetCreate): Promise<Dataset> => {
  const form = formOf(draft.file, draft.mapping);
  form.set("name", draft.name);
  return post<Dataset>("/v1/datasets", { org: org.id, body: form });
};

export const datasetSample = (org: Membership): Promise<Dataset> =>
  post<Dataset>("/v1/datasets/sample", { org: org.id });

export const datasetDelete = (org: Membership, id: string): Promise<void> =>
  remove(`/v1/datasets/${id}`, { org: org.id });
