/** Whose a budget can be: the organization's, a member's or a key's. */
import { useQuery } from "@tanstack/react-query";
import { membersQuery } from "@/api/account";
import { keysQuery } from "@/api/keys";
import { useCan, useOrg } from "@/lib/useOrg";

export type Subject = { id: string; name: string };

export const useSubjects = (): { members: Subject[]; keys: Subject[] } => {
  const org = useOrg();
  const members = useQuery(membersQuery(org));
  const keys = useQuery({ ...keysQuery(org), enabled: useCan("keys") });
  return {
    members: (members.data?.data ?? []).map(({ id, email }) => ({ id, name: email })),
    keys: (keys.data?.data ?? [])
      .filter((key) => !key.revoked_at)
      .map(({ id, name }) => ({ id, name })),
  };
};
