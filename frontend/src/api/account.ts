/** Who is signed in, the organization and its people. */
import { queryOptions } from "@tanstack/react-query";
import { api, dataOf, forOrg } from "./client";
import { isApiError } from "./errors";
import type { Me, Membership, OrganizationRole } from "./types";

/** null: nobody is signed in. */
const meOrNull = async (): Promise<Me | null> => {
  try {
    return await dataOf(api.GET("/v1/me"));
  } catch (error) {
    if (isApiError(error) && error.status === 401) return null;
    throw error;
  }
};

export const meQuery = queryOptions({ queryKey: ["me"], queryFn: meOrNull, staleTime: 60_000 });

export const languageSave = (language: "en" | "zh-Hans") =>
  dataOf(api.PATCH("/v1/me", { body: { language } }));

export const organizationQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "organization"],
    queryFn: () => dataOf(api.GET("/v1/organization", forOrg(org))),
  });

export const membersQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "members"],
    queryFn: () => dataOf(api.GET("/v1/organization/members", forOrg(org))),
  });

export const invitationCreate = (
  org: Membership,
  body: { email: string; role: OrganizationRole },
) => dataOf(api.POST("/v1/organization/invitations", { ...forOrg(org), body }));

export const invitationAccept = (token: string) =>
  dataOf(api.POST("/v1/invitations/accept", { body: { token } }));
