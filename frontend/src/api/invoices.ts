/** Invoices and credit notes, and to whom they are written. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { Language } from "@/i18n";
import {
  type BillingProfile,
  type BillingProfileDraft,
  type Invoice,
  type InvoiceWhole,
  loose,
  type Page,
  type UpcomingInvoice,
} from "@/pages/billing/payments.types";
import { dataOf, forOrg, once, pages } from "./client";
import type { Membership } from "./types";

const of = (id: string) => ({ params: { path: { id } } });

export const invoicesQuery = (org: Membership) =>
  infiniteQueryOptions({
    queryKey: [org.id, "invoices"],
    queryFn: ({ pageParam }) =>
      dataOf(
        loose.GET<Page<Invoice>>("/v1/billing/invoices", {
          ...forOrg(org),
          ...pages.of(pageParam),
        }),
      ),
    ...pages.on,
  });

export const invoiceQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "invoices", id],
    queryFn: () =>
      dataOf(loose.GET<InvoiceWhole>("/v1/billing/invoices/{id}", { ...forOrg(org), ...of(id) })),
  });

/** What the period under way comes to so far. */
export const upcomingQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "invoices", "upcoming"],
    queryFn: () => dataOf(loose.GET<UpcomingInvoice>("/v1/billing/invoices/upcoming", forOrg(org))),
  });

const document = (org: Membership, path: string, id: string, language: Language): Promise<Blob> =>
  dataOf(
    loose.GET<Blob>(path, {
      ...forOrg(org),
      params: { path: { id }, query: { language } },
      parseAs: "blob",
    }),
  );

export const invoicePdf = (org: Membership, id: string, language: Language) =>
  document(org, "/v1/billing/invoices/{id}/pdf", id, language);

export const creditNotePdf = (org: Membership, id: string, language: Language) =>
  document(org, "/v1/billing/credit_notes/{id}/pdf", id, language);

/** With the saved card, at once. */
export const invoicePay = (org: Membership, draft: { invoice: string }) =>
  dataOf(
    loose.POST<Invoice>("/v1/billing/invoices/{id}/pay", {
      ...once(org, draft),
      ...of(draft.invoice),
    }),
  );

export const profileQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "billing-profile"],
    queryFn: () => dataOf(loose.GET<BillingProfile>("/v1/billing/profile", forOrg(org))),
  });

export const profileSave = (org: Membership, body: BillingProfileDraft) =>
  dataOf(loose.PUT<BillingProfile>("/v1/billing/profile", { ...forOrg(org), body }));
