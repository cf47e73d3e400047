/** A job's live stream: server-sent events, replayed by the browser's Last-Event-ID; polling is the fallback. */
import { useEffect, useReducer } from "react";
import { jobStreamUrl } from "./training";
import type { Job, JobEvent, Membership } from "./types";

export type StreamState = {
  live: boolean;
  /** Two failures in a row: the page polls instead. */
  broken: boolean;
  metrics: Record<string, unknown>[];
  lines: JobEvent[];
  job: Job | undefined;
};

/** `metric`, `log` and `status` carry a job's events; `status` also the job itself when it changed. */
export type Message =
  | { kind: "metric" | "log"; data: JobEvent }
  | { kind: "status"; data: Job | JobEvent }
  | { kind: "done" };
type Action = { type: "open" | "broken" | "closed" } | { type: "batch"; messages: Message[] };

export const EMPTY: StreamState = {
  live: false,
  broken: false,
  metrics: [],
  lines: [],
  job: undefined,
};

const isJob = (data: Job | JobEvent): data is Job => data.object === "fine_tuning.job";

const jobsOf = (messages: readonly Message[]): Job[] =>
  messages.flatMap((message) =>
    message.kind === "status" && isJob(message.data) ? [message.data] : [],
  );

const metricsOf = (messages: readonly Message[]): Record<string, unknown>[] =>
  messages.flatMap((message) => (message.kind === "metric" ? [message.data.data] : []));

const linesOf = (messages: readonly Message[]): JobEvent[] =>
  messages.flatMap((message) => {
    if (message.kind === "log") return [message.data];
    return message.kind === "status" && !isJob(message.data) ? [message.data] : [];
  });

export const reduce = (state: StreamState, action: Action): StreamState => {
  if (action.type !== "batch") {
    return { ...state, live: action.type === "open", broken: action.type === "broken" };
  }
  const { messages } = action;
  const known = new Set(state.lines.map((line) => line.id));
  const fresh = linesOf(messages).filter((line) => !known.has(line.id));
  return {
    ...state,
    metrics: [...state.metrics, ...metricsOf(messages)],
    lines: [...state.lines, ...fresh],
    job: jobsOf(messages).at(-1) ?? state.job,
  };
};

const KINDS = ["metric", "log", "status", "done"] as const;
const FLUSH_MS = 200;
const FAILURES_ALLOWED = 2;

const messageOf = (kind: Message["kind"], text: string): Message | undefined => {
  try {
    return { kind, data: JSON.parse(text) } as Message;
  } catch {
    return undefined;
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
        const message = messageOf(kind, event.data);
        if (message) waiting.push(message);
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
