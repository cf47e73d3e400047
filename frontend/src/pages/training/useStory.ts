import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useJobStream } from "@/api/stream";
import { jobEnded, jobEventsQuery } from "@/api/training";
import type { Job } from "@/api/types";
import { type StreamState, told } from "@/lib/jobStream";
import { useOrg } from "@/lib/useOrg";

const POLL_MS = 3000;

/** What a job tells: its stream, or its events by polling where a stream cannot be had. */
export const useStory = (job: Job): StreamState => {
  const org = useOrg();
  const stream = useJobStream(org, job.id);
  const events = useQuery({
    ...jobEventsQuery(org, job.id),
    enabled: stream.broken,
    refetchInterval: jobEnded(job.status) ? false : POLL_MS,
  });
  const polled = stream.broken ? events.data?.data : undefined;
  return useMemo(
    () => (polled ? { ...stream, ...told(stream, polled) } : stream),
    [stream, polled],
  );
};
