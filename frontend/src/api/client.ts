/** The only place that calls fetch: same origin, session cookie, CSRF token, one error family. */

import { languageNow } from "@/i18n";
import { cookieRead } from "@/lib/cookies";
import { errorFrom, networkError } from "./errors";

export type Query = Record<string, string | number | boolean | undefined>;

export type Call = {
  query?: Query;
  /** Sent as JSON; a FormData goes as it is. */
  body?: unknown;
  /** Public id of the organization the call is for. */
  org?: string;
  headers?: Record<string, string>;
  /** Statuses besides 2xx whose body is an answer and not an error. */
  accept?: readonly number[];
  signal?: AbortSignal;
};

export type Answer<T> = { status: number; data: T };

export const urlWith = (path: string, query: Query = {}): string => {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(pairs.map(([key, value]) => [key, String(value)])).toString();
  return text ? `${path}?${text}` : path;
};

const headersOf = (method: string, call: Call): Headers => {
  const headers = new Headers({ Accept: "application/json", "Accept-Language": languageNow() });
  if (call.body !== undefined && !(call.body instanceof FormData)) {
    headers.set("Content-Type", "application/json");
  }
  if (call.org) headers.set("Anneal-Organization", call.org);
  const token = cookieRead("csrftoken");
  if (method !== "GET" && token) headers.set("X-CSRFToken", token);
  for (const [name, value] of Object.entries(call.headers ?? {})) headers.set(name, value);
  return headers;
};

const bodyOf = (body: unknown): BodyInit | null => {
  if (body === undefined) return null;
  return body instanceof FormData ? body : JSON.stringify(body);
};

/** One call; throws ApiError for every answer outside 2xx that `accept` does not name. */
export const call = async <T>(
  method: string,
  path: string,
  options: Call = {},
): Promise<Answer<T>> => {
  const response = await fetch(urlWith(path, options.query), {
    method,
    headers: headersOf(method, options),
    body: bodyOf(options.body),
    credentials: "same-origin",
    signal: options.signal ?? null,
  }).catch((reason: unknown) => {
    if (options.signal?.aborted) throw reason;
    throw networkError();
  });
  const text = await response.text();
  if (!response.ok && !options.accept?.includes(response.status)) {
    throw errorFrom(response.status, text, response.headers);
  }
  return { status: response.status, data: (text ? JSON.parse(text) : undefined) as T };
};

export const get = async <T>(path: string, options?: Call): Promise<T> =>
  (await call<T>("GET", path, options)).data;

export const post = async <T>(path: string, options?: Call): Promise<T> =>
  (await call<T>("POST", path, options)).data;

export const patch = async <T>(path: string, options?: Call): Promise<T> =>
  (await call<T>("PATCH", path, options)).data;

export const remove = async <T>(path: string, options?: Call): Promise<T> =>
  (await call<T>("DELETE", path, options)).data;
