/** Datasets: list, one, its rows and figures, preview and upload. */
import { queryOptions } from "@tanstack/react-query";
import { api, asForm, dataOf, forOrg } from "./client";
import type { ColumnMapping, Membership, Task } from "./types";

/** Long files are read in the background. */
const POLL_MS = 1500;

const of = (id: string) => ({ params: { path: { dataset_id: id } } });

export const datasetsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "datasets"],
    queryFn: () =>
      dataOf(api.GET("/v1/datasets", { ...forOrg(org), params: { query: { limit: 100 } } })),
    refetchInterval: ({ state }) =>
      state.data?.data.some((dataset) => dataset.status === "processing") ? POLL_MS : false,
  });

export const datasetQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "datasets", id],
    queryFn: () => dataOf(api.GET("/v1/datasets/{dataset_id}", { ...forOrg(org), ...of(id) })),
    refetchInterval: ({ state }) => (state.data?.status === "processing" ? POLL_MS : false),
  });

export const datasetVersionsQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "datasets", id, "versions"],
    queryFn: () =>
      dataOf(api.GET("/v1/datasets/{dataset_id}/versions", { ...forOrg(org), ...of(id) })),
  });

export const datasetStatsQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "datasets", id, "stats"],
    queryFn: () =>
      dataOf(api.GET("/v1/datasets/{dataset_id}/stats", { ...forOrg(org), ...of(id) })),
  });

export const PAGE_ROWS = 25;

export const datasetRowsQuery = (org: Membership, id: string, after: number | undefined) =>
  queryOptions({
    queryKey: [org.id, "datasets", id, "rows", after ?? 0],
    queryFn: () =>
      dataOf(
        api.GET("/v1/datasets/{dataset_id}/rows", {
          ...forOrg(org),
          params: { path: { dataset_id: id }, query: { after, limit: PAGE_ROWS } },
        }),
      ),
  });

export type PreviewRequest = {
  file: File;
  mapping?: ColumnMapping | undefined;
  task?: Task | undefined;
};
export type DatasetCreate = { file: File; name: string; mapping: ColumnMapping; task: Task };

const formOf = (file: File, mapping: ColumnMapping | undefined): FormData => {
  const form = new FormData();
  form.set("file", file);
  if (mapping) form.set("column_mapping", JSON.stringify(mapping));
  return form;
};

/** A look at the file by the server, which stores nothing. */
export const datasetPreview = (org: Membership, { file, mapping, task }: PreviewRequest) => {
  const form = formOf(file, mapping);
  if (task) form.set("task", task);
  return dataOf(
    api.POST("/v1/datasets/preview", {
      ...forOrg(org),
      body: { file: file.name },
      bodySerializer: asForm(form),
    }),
  );
};

export const datasetCreate = (org: Membership, draft: DatasetCreate) => {
  const form = formOf(draft.file, draft.mapping);
  form.set("name", draft.name);
  form.set("task", draft.task);
  return dataOf(
    api.POST("/v1/datasets", {
      ...forOrg(org),
      body: { file: draft.file.name },
      bodySerializer: asForm(form),
    }),
  );
};

/** A small English review set, made by the server. */
export const datasetSample = (org: Membership) =>
  dataOf(api.POST("/v1/datasets/sample", forOrg(org)));

export const datasetDelete = async (org: Membership, id: string): Promise<void> => {
  await api.DELETE("/v1/datasets/{dataset_id}", { ...forOrg(org), ...of(id) });
};
