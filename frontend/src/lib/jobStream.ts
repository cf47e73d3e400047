/** What the events of a job's stream add up to. */
import type { Job, JobEvent } from "@/api/types";

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
export type Action =
  | { type: "open" | "broken" | "closed" }
  | { type: "batch"; messages: Message[] };

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

/** What was polled, newest first, behind what the stream had told before it broke. */
export const told = (
  { metrics, lines }: Pick<StreamState, "metrics" | "lines">,
  polled: readonly JobEvent[],
): Pick<StreamState, "metrics" | "lines"> => {
  const known = new Set(lines.map((line) => line.id));
  const fresh = polled.filter((event) => !known.has(event.id)).reverse();
  return {
    metrics: [
      ...metrics,
      ...fresh.filter(({ type }) => type === "metrics").map(({ data }) => data),
    ],
    lines: [...lines, ...fresh.filter(({ type }) => type === "message")],
  };
};

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
