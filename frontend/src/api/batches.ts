/** Batches: a file of requests or rows, answered in the background; OpenAI's shapes and an estimate. */
import {
  infiniteQueryOptions,
  type QueryClient,
  queryOptions,
  useQueryClient,
} from "@tanstack/react-query";
import { useEffect } from "react";
import { nextAfter, pagesJoined } from "@/lib/pages";
import { api, asForm, dataOf, forOrg } from "./client";
import type { Batch, BatchCreate, Membership } from "./types";

const POLL_MS = 3000;
const ENDED: readonly Batch["status"][] = ["completed", "failed", "expired", "cancelled"];

export const batchEnded = (batch: Batch): boolean => ENDED.includes(batch.status);

const of = (id: string) => ({ params: { path: { batch_id: id } } });
const keyFor = (org: Membership, id: string) => [org.id, "batches", id];

type Batches = Awaited<ReturnType<typeof batchesFrom>>;

const batchesFrom = (org: Membership, after: string | undefined) =>
  dataOf(
    api.GET("/v1/batches", {
      ...forOrg(org),
      params: { query: { limit: 100, after } as never },
    }),
  );

const unfinished = ({ data }: Batches): boolean => !data.every(batchEnded);

export const batchesQuery = (org: Membership) =>
  infiniteQueryOptions({
    queryKey: [org.id, "batches"],
    queryFn: ({ pageParam }) => batchesFrom(org, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: nextAfter<Batch>,
    select: pagesJoined<Batch>,
    refetchInterval: ({ state }) => (state.data?.pages.some(unfinished) ? POLL_MS : false),
  });

/** Polled beside the stream: where that is cut off, the page still moves. */
export const batchQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: keyFor(org, id),
    queryFn: () => dataOf(api.GET("/v1/batches/{batch_id}", { ...forOrg(org), ...of(id) })),
    refetchInterval: ({ state }) => (state.data && batchEnded(state.data) ? false : 2 * POLL_MS),
  });

export const batchEstimateQuery = (org: Membership, draft: BatchCreate | undefined) =>
  queryOptions({
    queryKey: [org.id, "batch-estimate", draft],
    queryFn: () =>
      dataOf(api.POST("/v1/batches/estimate", { ...forOrg(org), body: draft as BatchCreate })),
    enabled: draft !== undefined,
    retry: false,
  });

/** Submits once: the same draft sent again with the same key answers the same batch. */
export const batchCreate = (org: Membership, body: BatchCreate, key: string): Promise<Batch> =>
  dataOf(
    api.POST("/v1/batches", {
      headers: { ...forOrg(org).headers, "Idempotency-Key": key },
      body,
    }),
  );

export const batchCancel = (org: Membership, id: string): Promise<Batch> =>
  dataOf(api.POST("/v1/batches/{batch_id}/cancel", { ...forOrg(org), ...of(id) }));

export const batchFileUpload = (org: Membership, file: File) => {
  const form = new FormData();
  form.set("file", file);
  form.set("purpose", "batch");
  return dataOf(
    api.POST("/v1/files", {
      ...forOrg(org),
      body: { file: file.name, purpose: "batch" },
      bodySerializer: asForm(form),
    }),
  );
};

const fileOf = (id: string) => ({ params: { path: { file_id: id } } });

/** The file under its own name. */
export const fileDownload = async (org: Membership, id: string) => {
  const [facts, blob] = await Promise.all([
    dataOf(api.GET("/v1/files/{file_id}", { ...forOrg(org), ...fileOf(id) })),
    dataOf(
      api.GET("/v1/files/{file_id}/content", { ...forOrg(org), ...fileOf(id), parseAs: "blob" }),
    ) as unknown as Promise<Blob>,
  ]);
  return { name: facts.filename, blob };
};

const follow = (client: QueryClient, org: Membership, id: string): (() => void) => {
  const source = new EventSource(`/v1/batches/${id}/stream?organization=${org.id}`);
  source.addEventListener("status", ({ data }) => {
    client.setQueryData(keyFor(org, id), JSON.parse(data) as Batch);
  });
  source.addEventListener("done", () => source.close());
  return () => source.close();
};

/** Keeps the batch on screen as it moves. */
export const useBatchStream = (org: Membership, id: string, open: boolean): void => {
  const client = useQueryClient();
  useEffect(() => (open ? follow(client, org, id) : undefined), [client, org, id, open]);
};
