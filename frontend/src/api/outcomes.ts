/** Contracts by which results are paid, and the results with what shows them. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { nextAfter, pagesJoined } from "@/lib/pages";
import { api, dataOf, forOrg, longPage, once, pageAfter } from "./client";
import type { Membership, Outcome } from "./types";

const contract = (id: string) => ({ params: { path: { outcome_contract_id: id } } });
const outcome = (id: string) => ({ params: { path: { outcome_id: id } } });

export const policiesQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "outcome-policies"],
    queryFn: () => dataOf(api.GET("/v1/billing/outcome_policies", forOrg(org))),
  });

/** A policy, and what the contract is about: a dataset's version or a deployment. */
export type ContractDraft = { policy: string; subject: string };

/** The terms as they would be accepted; nothing is agreed yet. */
export const contractQuoteQuery = (org: Membership, draft: ContractDraft | undefined) =>
  queryOptions({
    queryKey: [org.id, "outcome-contracts", "quote", draft],
    enabled: draft !== undefined,
    queryFn: () =>
      dataOf(
        api.POST("/v1/billing/outcome_contracts/quote", {
          ...forOrg(org),
          body: draft ?? { policy: "", subject: "" },
        }),
      ),
  });

export type ContractAcceptance = ContractDraft & { terms_hash: string };

export const contractAccept = (org: Membership, body: ContractAcceptance) =>
  dataOf(api.POST("/v1/billing/outcome_contracts", { ...once(org, body), body }));

export const contractsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "outcome-contracts"],
    queryFn: () =>
      dataOf(api.GET("/v1/billing/outcome_contracts", { ...forOrg(org), ...longPage })),
  });

export const contractQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "outcome-contracts", id],
    queryFn: () =>
      dataOf(
        api.GET("/v1/billing/outcome_contracts/{outcome_contract_id}", {
          ...forOrg(org),
          ...contract(id),
        }),
      ),
  });

export const contractEnd = (org: Membership, id: string) =>
  dataOf(
    api.POST("/v1/billing/outcome_contracts/{outcome_contract_id}/end", {
      ...forOrg(org),
      ...contract(id),
    }),
  );

export const outcomesQuery = (org: Membership, id: string, state: Outcome["state"] | undefined) =>
  infiniteQueryOptions({
    queryKey: [org.id, "outcomes", id, state ?? "all"],
    queryFn: ({ pageParam }) =>
      dataOf(
        api.GET("/v1/billing/outcomes", {
          ...forOrg(org),
          params: { query: { ...pageAfter(pageParam), contract: id, state } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: nextAfter<Outcome>,
    select: pagesJoined<Outcome>,
  });

/** With each of its steps and what it went by. */
export const outcomeQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "outcomes", id],
    queryFn: () =>
      dataOf(api.GET("/v1/billing/outcomes/{outcome_id}", { ...forOrg(org), ...outcome(id) })),
  });

export const outcomeDispute = (org: Membership, id: string, body: { reason: string }) =>
  dataOf(
    api.POST("/v1/billing/outcomes/{outcome_id}/dispute", {
      ...forOrg(org),
      ...outcome(id),
      body,
    }),
  );
