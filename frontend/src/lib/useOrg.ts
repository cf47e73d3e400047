/** The organization of the address, as the signed-in person belongs to it. */
import { useRouteContext } from "@tanstack/react-router";
import type { Me, Membership, OrganizationRole } from "@/api/types";

export const useOrg = (): Membership => {
  const { organization } = useRouteContext({ from: "/o/$org" });
  if (!organization) throw new Error("useOrg outside an organization's pages");
  return organization;
};

export const useMe = (): Me => useRouteContext({ from: "/o/$org" }).me;

export type Ability =
  | "label"
  | "upload"
  | "train"
  | "deploy"
  | "keys"
  | "money"
  | "members"
  | "webhooks";

const ABILITIES: Record<OrganizationRole, readonly Ability[]> = {
  viewer: [],
  annotator: ["label"],
  developer: ["label", "upload", "train", "deploy", "keys"],
  billing: ["money"],
  admin: ["label", "upload", "train", "deploy", "keys", "money", "members", "webhooks"],
  owner: ["label", "upload", "train", "deploy", "keys", "money", "members", "webhooks"],
};

/** Whether to offer something; the server decides again. */
export const roleCan = (role: OrganizationRole, ability: Ability): boolean =>
  ABILITIES[role].includes(ability);

export const useCan = (ability: Ability): boolean => roleCan(useOrg().role, ability);
