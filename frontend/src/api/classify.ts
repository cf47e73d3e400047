/** Predictions: the anonymous trial, and the real call made with a short-lived session key. */
import { post } from "./client";
import type { Classified, Membership, SessionKey } from "./types";

export type Timed = { answer: Classified; milliseconds: number };

const timed = async (work: () => Promise<Classified>): Promise<Timed> => {
  const started = performance.now();
  const answer = await work();
  return { answer, milliseconds: performance.now() - started };
};

export const classifyTrial = (input: string): Promise<Timed> =>
  timed(() => post<Classified>("/v1/trial/classify", { body: { input } }));

/** Keys of this page's life time, by organization; renewed a minute before they end. */
const keys = new Map<string, { key: string; until: number }>();
const MINUTE_MS = 60_000;

const millisecondsOf = (moment: string | number): number =>
  typeof moment === "number" ? moment * 1000 : Date.parse(moment);

const sessionKey = async (org: Membership): Promise<string> => {
  const kept = keys.get(org.id);
  if (kept && kept.until - MINUTE_MS > Date.now()) return kept.key;
  const made = await post<SessionKey>("/v1/session_keys", { org: org.id, body: {} });
  keys.set(org.id, { key: made.key, until: millisecondsOf(made.expires_at) });
  return made.key;
};

export const sessionKeysForget = (): void => keys.clear();

export type ClassifyRequest = { model: string; input: string | string[] };

export const classify = async (org: Membership, body: ClassifyRequest): Promise<Timed> => {
  const key = await sessionKey(org);
  return timed(() =>
    post<Classified>("/v1/classify", { body, headers: { Authorization: `Bearer ${key}` } }),
  );
};
