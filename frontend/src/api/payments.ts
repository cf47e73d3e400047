/** Checkout, saved cards, top-ups and what was paid. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { nextAfter, pagesJoined } from "@/lib/pages";
import type {
  AutoTopUp,
  AutoTopUpDraft,
  Card,
  Checkout,
  CheckoutDraft,
  Page,
  Payment,
  PaymentMethod,
  PaymentSettings,
} from "@/pages/billing/payments.types";
import { loose } from "@/pages/billing/payments.types";
import { dataOf, forOrg, once, pageAfter } from "./client";
import type { Membership } from "./types";

const SETTINGS_STALE_MS = 300_000;
/** A provider tells us of a payment within seconds. */
const SETTLING_POLL_MS = 1_500;

const of = (id: string) => ({ params: { path: { id } } });

export const paymentSettingsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "payment-settings"],
    queryFn: () => dataOf(loose.GET<PaymentSettings>("/v1/billing/payment_settings", forOrg(org))),
    staleTime: SETTINGS_STALE_MS,
  });

export const checkoutStart = (org: Membership, body: CheckoutDraft) =>
  dataOf(loose.POST<Checkout>("/v1/billing/checkout", { ...once(org, body), body }));

/** Asked again until it is over, where `settling`. */
export const checkoutQuery = (org: Membership, id: string, settling: boolean) =>
  queryOptions({
    queryKey: [org.id, "checkout", id],
    queryFn: () =>
      dataOf(loose.GET<Checkout>("/v1/billing/checkout/{id}", { ...forOrg(org), ...of(id) })),
    refetchInterval: ({ state }) =>
      settling && state.data?.status === "open" ? SETTLING_POLL_MS : false,
    staleTime: 0,
  });

/** The local card page's answer; there is none where Stripe collects. */
export const demoCheckoutPay = (org: Membership, id: string, body: Card) =>
  dataOf(
    loose.POST<Checkout>("/v1/billing/demo_checkout/{id}", { ...once(org, body), ...of(id), body }),
  );

export const portalOpen = (org: Membership, body: { return_path: string }) =>
  dataOf(loose.POST<{ url: string }>("/v1/billing/portal", { ...forOrg(org), body }));

export const paymentMethodsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "payment-methods"],
    queryFn: () =>
      dataOf(loose.GET<Page<PaymentMethod>>("/v1/billing/payment_methods", forOrg(org))),
  });

export const paymentMethodPrefer = (org: Membership, id: string) =>
  dataOf(
    loose.POST<PaymentMethod>("/v1/billing/payment_methods/{id}/default", {
      ...forOrg(org),
      ...of(id),
    }),
  );

export const paymentMethodRemove = async (org: Membership, id: string): Promise<void> => {
  await loose.DELETE("/v1/billing/payment_methods/{id}", { ...forOrg(org), ...of(id) });
};

export const autoTopUpQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "auto-top-up"],
    queryFn: () => dataOf(loose.GET<AutoTopUp>("/v1/billing/auto_top_up", forOrg(org))),
  });

export const autoTopUpSet = (org: Membership, body: AutoTopUpDraft) =>
  dataOf(loose.PUT<AutoTopUp>("/v1/billing/auto_top_up", { ...forOrg(org), body }));

export const paymentsQuery = (org: Membership) =>
  infiniteQueryOptions({
    queryKey: [org.id, "payments"],
    queryFn: ({ pageParam }) =>
      dataOf(
        loose.GET<Page<Payment>>("/v1/billing/payments", {
          ...forOrg(org),
          params: { query: pageAfter(pageParam) },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: nextAfter<Payment>,
    select: pagesJoined<Payment>,
  });
