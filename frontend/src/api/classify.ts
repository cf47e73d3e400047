/** Predictions: the anonymous trial, and the real call made with a short-lived session key. */

import { withKey } from "@/lib/keptKey";
import { SHIPPED_MODEL } from "@/lib/snippets";
import { api, dataOf, forOrg } from "./client";
import type { Classified, Membership, Predicted } from "./types";

export type Timed<Body = Classified> = { answer: Body; milliseconds: number };

const timed = async <Body>(work: () => Promise<Body>): Promise<Timed<Body>> => {
  const started = performance.now();
  const answer = await work();
  return { answer, milliseconds: performance.now() - started };
};

export const classifyTrial = (input: string): Promise<Timed> =>
  timed(() => dataOf(api.POST("/v1/trial/classify", { body: { model: SHIPPED_MODEL, input } })));

/** Keys of this page's life time, by organization; renewed a minute before they end. */
const keys = new Map<string, { key: string; until: number }>();
const MINUTE_MS = 60_000;

const sessionKey = async (org: Membership): Promise<string> => {
  const kept = keys.get(org.id);
  if (kept && kept.until - MINUTE_MS > Date.now()) return kept.key;
  const made = await dataOf(api.POST("/v1/session_keys", forOrg(org)));
  keys.set(org.id, { key: made.key, until: Date.parse(made.expires_at) });
  return made.key;
};

export const sessionKeysForget = (): void => keys.clear();

export type ClassifyRequest = { model: string; input: string | string[] };

type Whole = { data?: Predicted };

/** A model's answers, in the shape of its task. */
export const classify = (org: Membership, body: ClassifyRequest): Promise<Timed<Predicted>> =>
  withKey(
    () => sessionKey(org),
    () => keys.delete(org.id),
    (key) => {
      const headers = { Authorization: `Bearer ${key}` };
      // without `stream` the answer is whole: the type of a stream's last line does not apply
      return timed(() => dataOf(api.POST("/v1/classify", { headers, body }) as Promise<Whole>));
    },
  );
