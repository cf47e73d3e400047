/** Contracts by which results are paid, and the results with what shows them. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import {
  type Contract,
  type ContractDraft,
  type ContractQuote,
  loose,
  type Outcome,
  type OutcomePolicy,
  type OutcomeWhole,
  type Page,
} from "@/pages/billing/payments.types";
import { dataOf, forOrg, longPage, once, pages } from "./client";
import type { Membership } from "./types";

const of = (id: string) => ({ params: { path: { id } } });

export const policiesQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "outcome-policies"],
    queryFn: () =>
      dataOf(loose.GET<Page<OutcomePolicy>>("/v1/billing/outcome_policies", forOrg(org))),
  });

/** The terms as they would be agreed; nothing is agreed yet. */
export const contractQuoteQuery = (org: Membership, body: ContractDraft | undefined) =>
  queryOptions({
    queryKey: [org.id, "outcome-contracts", "quote", body],
    enabled: body !== undefined,
    queryFn: () =>
      dataOf(
        loose.POST<ContractQuote>("/v1/billing/outcome_contracts/quote", { ...forOrg(org), body }),
      ),
  });

export type ContractAcceptance = ContractDraft & { terms_hash: string };

export const contractAccept = (org: Membership, body: ContractAcceptance) =>
  dataOf(loose.POST<Contract>("/v1/billing/outcome_contracts", { ...once(org, body), body }));

export const contractsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "outcome-contracts"],
    queryFn: () =>
      dataOf(
        loose.GET<Page<Contract>>("/v1/billing/outcome_contracts", { ...forOrg(org), ...longPage }),
      ),
  });

export const contractQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "outcome-contracts", id],
    queryFn: () =>
      dataOf(
        loose.GET<Contract>("/v1/billing/outcome_contracts/{id}", { ...forOrg(org), ...of(id) }),
      ),
  });

export const contractEnd = (org: Membership, id: string) =>
  dataOf(
    loose.POST<Contract>("/v1/billing/outcome_contracts/{id}/end", { ...forOrg(org), ...of(id) }),
  );

export const outcomesQuery = (org: Membership, contract: string, state: string | undefined) =>
  infiniteQueryOptions({
    queryKey: [org.id, "outcomes", contract, state ?? "all"],
    queryFn: ({ pageParam }) => {
      const { query } = pages.of(pageParam).params;
      return dataOf(
        loose.GET<Page<Outcome>>("/v1/billing/outcomes", {
          ...forOrg(org),
          params: { query: { ...query, contract, state } },
        }),
      );
    },
    ...pages.on,
  });

export const outcomeQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "outcomes", id],
    queryFn: () =>
      dataOf(loose.GET<OutcomeWhole>("/v1/billing/outcomes/{id}", { ...forOrg(org), ...of(id) })),
  });

export const outcomeDispute = (org: Membership, id: string, body: { reason: string }) =>
  dataOf(
    loose.POST<Outcome>("/v1/billing/outcomes/{id}/dispute", { ...forOrg(org), ...of(id), body }),
  );
