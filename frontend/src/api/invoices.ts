/** Invoices and credit notes, and to whom they are written. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { Language } from "@/i18n";
import { dateOf } from "@/lib/format";
import { nextAfter, pagesJoined } from "@/lib/pages";
import { api, dataOf, forOrg, onceHeader, pageAfter } from "./client";
import type { BillingProfile, BillingProfileDraft, Invoice, Membership } from "./types";

/** A saved card pays within seconds, or a later try of the ladder does, for which nobody waits. */
const COLLECTING_POLL_MS = 3_000;
const COLLECTING_MS = 60_000;

const isCollecting = ({ status, issued_at: issued }: Invoice): boolean =>
  status === "open" && Date.now() - dateOf(issued).getTime() < COLLECTING_MS;

const invoice = (id: string) => ({ invoice_id: id });

/** Read again while a saved card (`card`) pays for a new one. */
export const invoicesQuery = (
  org: Membership,
  status: Invoice["status"] | undefined,
  card: boolean,
) =>
  infiniteQueryOptions({
    queryKey: [org.id, "invoices", "list", status ?? "all"],
    queryFn: ({ pageParam }) =>
      dataOf(
        api.GET("/v1/billing/invoices", {
          ...forOrg(org),
          params: { query: { ...pageAfter(pageParam), status } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: nextAfter<Invoice>,
    select: pagesJoined<Invoice>,
    refetchInterval: ({ state }) =>
      card && state.data?.pages[0]?.data.some(isCollecting) ? COLLECTING_POLL_MS : false,
  });

export const invoiceQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "invoices", id],
    queryFn: () =>
      dataOf(
        api.GET("/v1/billing/invoices/{invoice_id}", {
          ...forOrg(org),
          params: { path: invoice(id) },
        }),
      ),
  });

/** What the next invoice would ask for, as of now. */
export const upcomingQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "invoices", "upcoming"],
    queryFn: () => dataOf(api.GET("/v1/billing/invoices/upcoming", forOrg(org))),
  });

export const invoicePdf = (org: Membership, id: string, language: Language): Promise<Blob> =>
  dataOf(
    api.GET("/v1/billing/invoices/{invoice_id}/pdf", {
      ...forOrg(org),
      params: { path: invoice(id), query: { language } },
      parseAs: "blob",
    }),
  ) as Promise<Blob>;

export const creditNotePdf = (org: Membership, id: string, language: Language): Promise<Blob> =>
  dataOf(
    api.GET("/v1/billing/credit_notes/{credit_note_id}/pdf", {
      ...forOrg(org),
      params: { path: { credit_note_id: id }, query: { language } },
      parseAs: "blob",
    }),
  ) as Promise<Blob>;

/** With the saved card, at once. */
export const invoicePay = (org: Membership, draft: { invoice: string }) =>
  dataOf(
    api.POST("/v1/billing/invoices/{invoice_id}/pay", {
      ...forOrg(org),
      params: { path: invoice(draft.invoice), header: onceHeader(draft) },
    }),
  );

export const profileQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "billing-profile"],
    queryFn: () => dataOf(api.GET("/v1/billing/profile", forOrg(org))) as Promise<BillingProfile>,
  });

export const profileSave = (org: Membership, body: BillingProfileDraft) =>
  dataOf(api.PUT("/v1/billing/profile", { ...forOrg(org), body })) as Promise<BillingProfile>;
