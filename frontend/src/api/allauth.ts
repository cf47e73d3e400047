/** Accounts: django-allauth's headless browser client. Its paths are not in our OpenAPI file. */
import { queryOptions } from "@tanstack/react-query";
import { commonHeaders } from "./client";
import { errorFrom, networkError } from "./errors";
import type { AuthSession } from "./types";

const BASE = "/_allauth/browser/v1";

type Flow = { id: string; is_pending?: boolean };
type Body = { data?: { flows?: Flow[] }; meta?: { is_authenticated?: boolean } };

/** Where an account flow stands: signed in, or the step that is waiting. */
export type AuthState = { authenticated: boolean; pending: string | undefined };

const PENDING = 401;
const ALREADY_SIGNED_IN = 409;

/** 401 means "one more step" here, and is no error. */
const call = async (method: string, path: string, body?: object): Promise<unknown> => {
  const response = await fetch(`${BASE}${path}`, {
    method,
    headers: {
      ...commonHeaders(method),
      ...(body ? { "Content-Type": "application/json" } : {}),
    },
    body: body ? JSON.stringify(body) : null,
    credentials: "same-origin",
  }).catch(() => {
    throw networkError();
  });
  const text = await response.text();
  if (!response.ok && response.status !== PENDING) {
    throw errorFrom(response.status, text, response.headers);
  }
  return JSON.parse(text || "{}");
};

const step = async (path: string, body: object): Promise<AuthState> => {
  const answer = (await call("POST", path, body)) as Body;
  return {
    authenticated: answer.meta?.is_authenticated ?? false,
    pending: answer.data?.flows?.find((flow) => flow.is_pending)?.id,
  };
};

/** Logging in while signed in is a success in the reader's eyes. */
const entering = async (path: string, body: object): Promise<AuthState> => {
  try {
    return await step(path, body);
  } catch (error) {
    if ((error as { status?: number }).status !== ALREADY_SIGNED_IN) throw error;
    return { authenticated: true, pending: undefined };
  }
};

export type Credentials = { email: string; password: string };

export const signUp = (body: Credentials): Promise<AuthState> => entering("/auth/signup", body);
export const logIn = (body: Credentials): Promise<AuthState> => entering("/auth/login", body);
export const emailVerify = (key: string): Promise<AuthState> => step("/auth/email/verify", { key });
export const emailResend = (): Promise<unknown> => call("POST", "/auth/email/verify/resend", {});
export const resetRequest = (email: string): Promise<AuthState> =>
  step("/auth/password/request", { email });
export const resetConfirm = (body: { key: string; password: string }): Promise<AuthState> =>
  step("/auth/password/reset", body);

export const logOut = async (): Promise<void> => {
  await call("DELETE", "/auth/session");
};

export const sessionsQuery = queryOptions({
  queryKey: ["sessions"],
  queryFn: async (): Promise<AuthSession[]> =>
    ((await call("GET", "/auth/sessions")) as { data: AuthSession[] }).data,
});

export const sessionsEnd = async (sessions: number[]): Promise<void> => {
  await call("DELETE", "/auth/sessions", { sessions });
};
