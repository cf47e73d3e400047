/** The one cache of server facts. */
import { QueryClient } from "@tanstack/react-query";
import { isApiError } from "./errors";

const RETRIES = 2;

/** A refusal stays a refusal; only a broken network or a busy server is asked again. */
export const retryable = (failures: number, error: unknown): boolean =>
  failures < RETRIES && isApiError(error) && (error.status === 0 || error.status >= 502);

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { retry: retryable, staleTime: 5_000, refetchOnWindowFocus: true },
    mutations: { retry: false },
  },
});
