/** Accounts: django-allauth's headless browser client, and who is signed in. */
import { queryOptions } from "@tanstack/react-query";
import { call, get, patch, post, remove } from "./client";
import { isApiError } from "./errors";
import type {
  AuthSession,
  Invitation,
  List,
  Me,
  Member,
  Membership,
  Organization,
  OrganizationRole,
} from "./types";

const ALLAUTH = "/_allauth/browser/v1";

type Flow = { id: string; is_pending?: boolean };
type AuthAnswer = {
  status: number;
  data?: { flows?: Flow[] };
  meta?: { is_authenticated?: boolean };
};

/** Where an account flow stands: signed in, or the step that is waiting. */
export type AuthState = { authenticated: boolean; pending: string | undefined };

const stateOf = (answer: AuthAnswer): AuthState => ({
  authenticated: answer.meta?.is_authenticated ?? answer.status === 200,
  pending: answer.data?.flows?.find((flow) => flow.is_pending)?.id,
});

/** 401 means "one more step" here, and 409 "already signed in". */
const flow = async (path: string, body: object): Promise<AuthState> => {
  const { data, status } = await call<AuthAnswer>("POST", `${ALLAUTH}${path}`, {
    body,
    accept: [401, 409],
  });
  return stateOf({ ...data, status });
};

export type Credentials = { email: string; password: string };

export const signUp = (body: Credentials): Promise<AuthState> => flow("/auth/signup", body);
export const logIn = (body: Credentials): Promise<AuthState> => flow("/auth/login", body);
export const emailVerify = (key: string): Promise<AuthState> => flow("/auth/email/verify", { key });
export const emailResend = (): Promise<AuthState> => flow("/auth/email/verify/resend", {});
export const resetRequest = (email: string): Promise<AuthState> =>
  flow("/auth/password/request", { email });
export const resetConfirm = (body: { key: string; password: string }): Promise<AuthState> =>
  flow("/auth/password/reset", body);

export const logOut = async (): Promise<void> => {
  await call("DELETE", `${ALLAUTH}/auth/session`, { accept: [401] });
};

const meOrNull = async (): Promise<Me | null> => {
  try {
    return await get<Me>("/v1/me");
  } catch (error) {
    if (isApiError(error) && (error.status === 401 || error.status === 403)) return null;
    throw error;
  }
};

export const meQuery = queryOptions({ queryKey: ["me"], queryFn: meOrNull, staleTime: 60_000 });

export const languageSave = (language: string): Promise<Me> =>
  patch<Me>("/v1/me", { body: { language } });

export const sessionsQuery = queryOptions({
  queryKey: ["sessions"],
  queryFn: async (): Promise<AuthSession[]> =>
    (await get<{ data: AuthSession[] }>(`${ALLAUTH}/auth/sessions`)).data,
});

export const sessionsEnd = async (ids: number[]): Promise<void> => {
  await remove(`${ALLAUTH}/auth/sessions`, { body: { sessions: ids }, accept: [401] });
};

export const organizationQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "organization"],
    queryFn: () => get<Organization>("/v1/organization", { org: org.id }),
  });

export const membersQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "members"],
    queryFn: () => get<List<Member>>("/v1/organization/members", { org: org.id }),
  });

export const invitationCreate = (
  org: Membership,
  body: { email: string; role: OrganizationRole },
): Promise<Invitation> => post<Invitation>("/v1/organization/invitations", { org: org.id, body });

export const invitationAccept = (token: string): Promise<Membership> =>
  post<Membership>("/v1/invitations/accept", { body: { token } });
