/** A version in forms to take away, its stages, and models brought from elsewhere. */
import { queryOptions } from "@tanstack/react-query";
import { api, asForm, dataOf, forOrg } from "./client";
import type { ExportFormat, Membership, Model, ModelExport } from "./types";

/** An export takes seconds to minutes. */
const POLL_MS = 1500;

const of = (model: string) => ({ params: { path: { model } } });
const one = (made: ModelExport) => ({
  params: { path: { model: made.model, export_id: made.id } },
});

const underWay = (made: ModelExport): boolean =>
  made.status === "queued" || made.status === "running";

export const exportsQuery = (org: Membership, model: string) =>
  queryOptions({
    queryKey: [org.id, "models", model, "exports"],
    queryFn: async (): Promise<ModelExport[]> =>
      (await dataOf(api.GET("/v1/models/{model}/exports", { ...forOrg(org), ...of(model) }))).data,
    refetchInterval: ({ state }) => (state.data?.some(underWay) ? POLL_MS : false),
  });

export const exportCreate = (org: Membership, model: string, format: ExportFormat) =>
  dataOf(
    api.POST("/v1/models/{model}/exports", { ...forOrg(org), ...of(model), body: { format } }),
  );

export const exportDelete = async (org: Membership, made: ModelExport): Promise<void> => {
  await api.DELETE("/v1/models/{model}/exports/{export_id}", { ...forOrg(org), ...one(made) });
};

export const exportDownload = (org: Membership, made: ModelExport): Promise<Blob> =>
  dataOf(
    api.GET("/v1/models/{model}/exports/{export_id}/download", {
      ...forOrg(org),
      ...one(made),
      parseAs: "blob",
    }),
  ) as Promise<Blob>;

export const stageMove = (org: Membership, model: string, stage: string) =>
  dataOf(
    api.PUT("/v1/models/{model}/stages/{stage}", {
      ...forOrg(org),
      params: { path: { model, stage } },
    }),
  );

export const stageRemove = async (org: Membership, model: string, stage: string): Promise<void> => {
  await api.DELETE("/v1/models/{model}/stages/{stage}", {
    ...forOrg(org),
    params: { path: { model, stage } },
  });
};

export type ModelImport = { files: readonly File[]; suffix: string };

export const modelImport = (org: Membership, { files, suffix }: ModelImport): Promise<Model> => {
  const form = new FormData();
  for (const file of files) form.append("files", file);
  if (suffix) form.set("suffix", suffix);
  return dataOf(
    api.POST("/v1/models/import", {
      ...forOrg(org),
      body: { files: files.map((file) => file.name) },
      bodySerializer: asForm(form),
    }),
  );
};
