/** The only place that calls fetch: same origin, session cookie, CSRF token, one error family. */
import createClient, { type Middleware } from "openapi-fetch";
import { languageNow } from "@/i18n";
import { cookieRead } from "@/lib/cookies";
import { keyOf } from "@/lib/idempotency";
import { errorFrom, networkError } from "./errors";
import type { paths } from "./schema";
import type { Membership } from "./types";

/** What every request carries, the safe ones without the token. */
export const commonHeaders = (method: string): Record<string, string> => {
  const token = method === "GET" ? undefined : cookieRead("csrftoken");
  return {
    Accept: "application/json",
    "Accept-Language": languageNow(),
    ...(token ? { "X-CSRFToken": token } : {}),
  };
};

const middleware: Middleware = {
  onRequest: ({ request }) => {
    for (const [name, value] of Object.entries(commonHeaders(request.method))) {
      request.headers.set(name, value);
    }
    return request;
  },
  onResponse: async ({ response }) => {
    if (!response.ok) throw errorFrom(response.status, await response.text(), response.headers);
    return response;
  },
  onError: () => networkError(),
};

/** Every path and body is checked against the server's own OpenAPI file. */
export const api = createClient<paths>({ baseUrl: "", credentials: "same-origin" });
api.use(middleware);

/** The organization a call is for. */
export const forOrg = (org: Membership) => ({ headers: { "Anneal-Organization": org.id } });

/** Every list takes `limit`; some of the file's operations do not name it. */
export const longPage = { params: { query: { limit: 100 } as never } };

/** The body of an answer; refusals were thrown before. */
export const dataOf = async <T>(answer: Promise<{ data?: T }>): Promise<T> =>
  (await answer).data as T;

/** A form for the body of a multipart call, which the types describe as an object. */
export const asForm =
  (form: FormData): (() => FormData) =>
  () =>
    form;

/** The key of a call that must not count twice: the same draft sends the same one. */
export const onceHeader = (draft: object) => ({ "Idempotency-Key": keyOf(draft) });

/** The headers of such a call, where the file does not name the key itself. */
export const once = (org: Membership, draft: object) => ({
  headers: { ...forOrg(org).headers, ...onceHeader(draft) },
});

const PAGE_ROWS = 50;

/** One page of a list, after the last row of the page before. */
export const pageAfter = (after: string | undefined) => ({ limit: PAGE_ROWS, after });
