/** A job's live stream: server-sent events, replayed by the browser's Last-Event-ID; polling is the fallback. */
import { useEffect, useReducer } from "react";
import { jobStreamUrl } from "./training";
import type { Membership } from "./types";

export type StreamLine = { id: string; level: string; message: string; at: number | string };
export type StreamState = {
  live: boolean;
  /** Two failures in a row: the page polls instead. */
  broken: boolean;
  metrics: Record<string, unknown>[];
  lines: StreamLine[];
  status: Record<string, unknown> | undefined;
};

type Message = { kind: string; id: string; data: Record<string, unknown> };
type Action = { type: "open" | "broken" | "closed" } | { type: "batch"; messages: Message[] };

export const EMPTY: StreamState = {
  live: false,
  broken: false,
  metrics: [],
  lines: [],
  status: undefined,
};

const lineOf = (message: Message): StreamLine => ({
  id: message.id,
  level: String(message.data.level ?? "info"),
  message: String(message.data.message ?? ""),
  at: (message.data.created_at as number | string | undefined) ?? "",
});

export const reduce = (state: StreamState, action: Action): StreamState => {
  if (action.type === "open") return { ...state, live: true, broken: false };
  if (action.type === "broken") return { ...state, live: false, broken: true };
  if (action.type === "closed") return { ...state, live: false };
  const { messages } = action;
  const of = (kind: string) => messages.filter((message) => message.kind === kind);
  const last = [...of("status"), ...of("done")].at(-1);
  const known = new Set(state.lines.map((line) => line.id));
  const fresh = of("log")
    .map(lineOf)
    .filter((line) => !line.id || !known.has(line.id));
  return {
    ...state,
    metrics: [...state.metrics, ...of("metric").map((message) => message.data)],
    lines: [...state.lines, ...fresh],
    status: last?.data ?? state.status,
  };
};

const KINDS = ["metric", "log", "status", "done"] as const;
const FLUSH_MS = 200;
const FAILURES_ALLOWED = 2;

const dataOf = (text: string): Record<string, unknown> => {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
};

/** Follows one job while the page shows it; at most five renders a second however fast events come. */
export const useJobStream = (org: Membership, id: string): StreamState => {
  const [state, dispatch] = useReducer(reduce, EMPTY);
  useEffect(() => {
    const source = new EventSource(jobStreamUrl(org, id));
    let waiting: Message[] = [];
    let failures = 0;
    const flush = () => {
      if (waiting.length > 0) dispatch({ type: "batch", messages: waiting });
      waiting = [];
    };
    const timer = setInterval(flush, FLUSH_MS);
    source.onopen = () => {
      failures = 0;
      dispatch({ type: "open" });
    };
    source.onerror = () => {
      failures += 1;
      if (failures >= FAILURES_ALLOWED || source.readyState === EventSource.CLOSED) {
        source.close();
        dispatch({ type: "broken" });
      }
    };
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        waiting.push({ kind, id: event.lastEventId, data: dataOf(event.data) });
        if (kind !== "done") return;
        source.close();
        flush();
        dispatch({ type: "closed" });
      });
    }
    return () => {
      clearInterval(timer);
      source.close();
    };
  }, [org, id]);
  return state;
};
