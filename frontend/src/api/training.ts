/** Fine-tuning jobs: OpenAI's shapes, plus estimate, pause and resume. */
import { queryOptions } from "@tanstack/react-query";
import { get, post } from "./client";
import type { Estimate, Job, JobCreate, JobEvent, JobStatus, List, Membership } from "./types";

const JOBS = "/v1/fine_tuning/jobs";
const POLL_MS = 3000;

const ENDED: readonly JobStatus[] = ["succeeded", "failed", "cancelled"];

export const jobEnded = (status: JobStatus): boolean => ENDED.includes(status);

export const jobsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "jobs"],
    queryFn: () => get<List<Job>>(JOBS, { org: org.id, query: { limit: 100 } }),
    refetchInterval: (query) =>
      query.state.data?.data.some((job) => !jobEnded(job.status)) ? POLL_MS : false,
  });

export const jobQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "jobs", id],
    queryFn: () => get<Job>(`${JOBS}/${id}`, { org: org.id }),
    refetchInterval: (query) =>
      query.state.data && !jobEnded(query.state.data.status) ? POLL_MS : false,
  });

export const jobEventsQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "jobs", id, "events"],
    queryFn: () =>
      get<List<JobEvent>>(`${JOBS}/${id}/events`, { org: org.id, query: { limit: 100 } }),
  });

export const estimateQuery = (org: Membership, draft: JobCreate | undefined) =>
  queryOptions({
    queryKey: [org.id, "estimate", draft],
    queryFn: () => post<Estimate>(`${JOBS}/estimate`, { org: org.id, body: draft }),
    enabled: draft !== undefined,
    staleTime: 30_000,
    retry: false,
  });

/** Submits once: the same draft sent again with the same key answers the same job. */
export const jobCreate = (org: Membership, draft: JobCreate, key: string): Promise<Job> =>
  post<Job>(JOBS, { org: org.id, body: draft, headers: { "Idempotency-Key": key } });

export type JobAction = "cancel" | "pause" | "resume";

export const jobAct = (org: Membership, id: string, action: JobAction): Promise<Job> =>
  post<Job>(`${JOBS}/${id}/${action}`, { org: org.id, body: {} });

export const jobStreamUrl = (org: Membership, id: string): string =>
  `${JOBS}/${id}/stream?organization=${org.id}`;
