/** Fine-tuning jobs: OpenAI's shapes, plus estimate, pause and resume. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { nextAfter, pagesJoined } from "@/lib/pages";
import { api, dataOf, forOrg } from "./client";
import type { Checkpoint, Job, JobCreate, JobStatus, Membership } from "./types";

const POLL_MS = 3000;
const ENDED: readonly JobStatus[] = ["succeeded", "failed", "cancelled"];

export const jobEnded = (status: JobStatus): boolean => ENDED.includes(status);

const of = (id: string) => ({ params: { path: { job_id: id } } });

const PAGE_JOBS = 100;

const jobsFrom = (org: Membership, after: string | undefined) =>
  dataOf(
    api.GET("/v1/fine_tuning/jobs", {
      ...forOrg(org),
      params: { query: { limit: PAGE_JOBS, ...(after ? { after } : {}) } },
    }),
  );

const unfinished = ({ data }: { data: readonly Job[] }): boolean =>
  data.some((job) => !jobEnded(job.status));

/** The newest ones. */
export const jobsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "jobs"],
    queryFn: () => jobsFrom(org, undefined),
    refetchInterval: ({ state }) => (state.data && unfinished(state.data) ? POLL_MS : false),
  });

/** All of them, page by page. */
export const jobPagesQuery = (org: Membership) =>
  infiniteQueryOptions({
    queryKey: [org.id, "jobs", "pages"],
    queryFn: ({ pageParam }) => jobsFrom(org, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: nextAfter<Job>,
    select: pagesJoined<Job>,
    refetchInterval: ({ state }) => (state.data?.pages.some(unfinished) ? POLL_MS : false),
  });

export const jobQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "jobs", id],
    queryFn: () => dataOf(api.GET("/v1/fine_tuning/jobs/{job_id}", { ...forOrg(org), ...of(id) })),
    refetchInterval: ({ state }) => (state.data && !jobEnded(state.data.status) ? POLL_MS : false),
  });

export const jobEventsQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "jobs", id, "events"],
    queryFn: () =>
      dataOf(
        api.GET("/v1/fine_tuning/jobs/{job_id}/events", {
          ...forOrg(org),
          params: { path: { job_id: id }, query: { limit: 100 } },
        }),
      ),
  });

export const hyperparametersQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "hyperparameters"],
    queryFn: () => dataOf(api.GET("/v1/fine_tuning/hyperparameters", forOrg(org))),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const estimateQuery = (org: Membership, draft: JobCreate | undefined) =>
  queryOptions({
    queryKey: [org.id, "estimate", draft],
    queryFn: () =>
      dataOf(
        api.POST("/v1/fine_tuning/jobs/estimate", { ...forOrg(org), body: draft as JobCreate }),
      ),
    enabled: draft !== undefined,
    staleTime: 30_000,
    retry: false,
  });

/** Submits once: the same draft sent again with the same key answers the same job. */
export const jobCreate = (org: Membership, body: JobCreate, key: string): Promise<Job> =>
  dataOf(
    api.POST("/v1/fine_tuning/jobs", {
      headers: { ...forOrg(org).headers, "Idempotency-Key": key },
      body,
    }),
  );

const PAGE_ROWS = 20;

/** The last evaluation's best and worst rows; `step` is its own, so that the next is asked for. */
export const jobSamplesQuery = (org: Membership, id: string, step: number) =>
  queryOptions({
    queryKey: [org.id, "jobs", id, "samples", step],
    queryFn: () =>
      dataOf(api.GET("/v1/fine_tuning/jobs/{job_id}/samples", { ...forOrg(org), ...of(id) })),
  });

/** Training rows whose label is likely wrong, the likeliest first. */
export const labelErrorsQuery = (org: Membership, id: string, skip: number) =>
  queryOptions({
    queryKey: [org.id, "jobs", id, "label_errors", skip],
    queryFn: () =>
      dataOf(
        api.GET("/v1/fine_tuning/jobs/{job_id}/label_errors", {
          ...forOrg(org),
          params: { path: { job_id: id }, query: { skip, limit: PAGE_ROWS } },
        }),
      ),
  });

export const labelErrorsCsv = (org: Membership, id: string): Promise<Blob> =>
  dataOf(
    api.GET("/v1/fine_tuning/jobs/{job_id}/label_errors.csv", {
      ...forOrg(org),
      ...of(id),
      parseAs: "blob",
    }),
  ) as Promise<Blob>;

export const checkpointsQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "jobs", id, "checkpoints"],
    queryFn: () =>
      dataOf(api.GET("/v1/fine_tuning/jobs/{job_id}/checkpoints", { ...forOrg(org), ...of(id) })),
  });

export const checkpointDelete = (org: Membership, { id, fine_tuning_job_id }: Checkpoint) =>
  dataOf(
    api.DELETE("/v1/fine_tuning/jobs/{job_id}/checkpoints/{checkpoint_id}", {
      ...forOrg(org),
      params: { path: { job_id: fine_tuning_job_id, checkpoint_id: id } },
    }),
  );

export type JobAction = "cancel" | "pause" | "resume";

export const jobAct = (org: Membership, id: string, action: JobAction): Promise<Job> =>
  dataOf(api.POST(`/v1/fine_tuning/jobs/{job_id}/${action}`, { ...forOrg(org), ...of(id) }));

export const jobTensorboard = (org: Membership, id: string): Promise<Blob> =>
  dataOf(
    api.GET("/v1/fine_tuning/jobs/{job_id}/tensorboard", {
      ...forOrg(org),
      ...of(id),
      parseAs: "blob",
    }),
  ) as unknown as Promise<Blob>;

export const jobStreamUrl = (org: Membership, id: string): string =>
  `/v1/fine_tuning/jobs/${id}/stream?organization=${org.id}`;
