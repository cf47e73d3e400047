import { expect, test } from "vitest";
import type { Job, JobEvent } from "@/api/types";
import { EMPTY, type Message, reduce, told } from "@/lib/jobStream";

const event = (id: string, data: Record<string, unknown> = {}): JobEvent => ({
  id,
  object: "fine_tuning.job.event",
  created_at: 1,
  level: "info",
  type: "message",
  code: null,
  message: id,
  data,
});
const job = (status: string) => ({ object: "fine_tuning.job", id: "ftjob-1", status }) as Job;

test("metrics, lines and the job are kept apart", () => {
  const messages: Message[] = [
    { kind: "log", data: event("e1") },
    { kind: "metric", data: event("e2", { step: 1 }) },
    { kind: "status", data: job("running") },
    { kind: "status", data: event("e3") },
    { kind: "done" },
  ];
  const state = reduce(EMPTY, { type: "batch", messages });
  expect(state.lines.map((line) => line.id)).toEqual(["e1", "e3"]);
  expect(state.metrics).toEqual([{ step: 1 }]);
  expect(state.job?.status).toBe("running");
});

test("lines replayed after a reconnect are shown once", () => {
  const first = reduce(EMPTY, { type: "batch", messages: [{ kind: "log", data: event("e1") }] });
  const again = reduce(first, { type: "batch", messages: [{ kind: "log", data: event("e1") }] });
  expect(again.lines).toHaveLength(1);
});

test("a broken stream says so and a new one repairs it", () => {
  const broken = reduce(EMPTY, { type: "broken" });
  expect(broken).toMatchObject({ live: false, broken: true });
  expect(reduce(broken, { type: "open" })).toMatchObject({ live: true, broken: false });
});

test("what is polled once the stream is broken goes on behind what it had told", () => {
  const metric = (id: string, step: number): JobEvent => ({
    ...event(id, { step }),
    type: "metrics",
  });
  const before = { lines: [event("e1")], metrics: [{ step: 1 }] };
  const newestFirst = [event("e4"), metric("e3", 2), event("e2"), event("e1")];
  const story = told(before, newestFirst);
  expect(story.lines.map(({ id }) => id)).toEqual(["e1", "e2", "e4"]);
  expect(story.metrics).toEqual([{ step: 1 }, { step: 2 }]);
});
