/** A job's live stream: server-sent events, replayed by the browser's Last-Event-ID; polling is the fallback. */
import { useEffect, useReducer } from "react";
import { EMPTY, type Message, reduce, type StreamState } from "@/lib/jobStream";
import { jobStreamUrl } from "./training";
import type { Membership } from "./types";

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
