/** Checkout, saved cards, top-ups and what was paid. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { nextAfter, pagesJoined } from "@/lib/pages";
import { api, dataOf, forOrg, once, onceHeader, pageAfter } from "./client";
import type {
  AutoTopUpDraft,
  CheckoutDraft,
  DemoCard,
  Membership,
  Payment,
  PaymentMethod,
} from "./types";

const SETTINGS_STALE_MS = 300_000;
/** A provider tells us of a payment within seconds. */
const SETTLING_POLL_MS = 1_500;

const checkout = (id: string) => ({ params: { path: { checkout_id: id } } });
const method = (id: string) => ({ params: { path: { payment_method_id: id } } });

export const paymentSettingsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "payment-settings"],
    queryFn: () => dataOf(api.GET("/v1/billing/payment_settings", forOrg(org))),
    staleTime: SETTINGS_STALE_MS,
  });

export const checkoutStart = (org: Membership, body: CheckoutDraft) =>
  dataOf(
    api.POST("/v1/billing/checkout", {
      ...forOrg(org),
      params: { header: onceHeader(body) },
      body,
    }),
  );

/** Asked again until it is over, where `settling`. */
export const checkoutQuery = (org: Membership, id: string, settling: boolean) =>
  queryOptions({
    queryKey: [org.id, "checkout", id],
    queryFn: () =>
      dataOf(api.GET("/v1/billing/checkout/{checkout_id}", { ...forOrg(org), ...checkout(id) })),
    refetchInterval: ({ state }) =>
      settling && state.data?.status === "open" ? SETTLING_POLL_MS : false,
    staleTime: 0,
  });

/** The local card page's answer; there is none where Stripe collects. */
export const demoCheckoutPay = (org: Membership, id: string, body: DemoCard) =>
  dataOf(
    api.POST("/v1/billing/demo_checkout/{checkout_id}", {
      ...once(org, body),
      ...checkout(id),
      body,
    }),
  );

export const portalOpen = (org: Membership, body: { return_path: string }) =>
  dataOf(api.POST("/v1/billing/portal", { ...forOrg(org), body }));

export const paymentMethodsQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "payment-methods"],
    queryFn: () => dataOf(api.GET("/v1/billing/payment_methods", forOrg(org))),
  });

export const paymentMethodPrefer = (org: Membership, id: string): Promise<PaymentMethod> =>
  dataOf(
    api.POST("/v1/billing/payment_methods/{payment_method_id}/default", {
      ...forOrg(org),
      ...method(id),
    }),
  );

export const paymentMethodRemove = async (org: Membership, id: string): Promise<void> => {
  await api.DELETE("/v1/billing/payment_methods/{payment_method_id}", {
    ...forOrg(org),
    ...method(id),
  });
};

export const autoTopUpQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "auto-top-up"],
    queryFn: () => dataOf(api.GET("/v1/billing/auto_top_up", forOrg(org))),
  });

export const autoTopUpSet = (org: Membership, body: AutoTopUpDraft) =>
  dataOf(api.PUT("/v1/billing/auto_top_up", { ...forOrg(org), body }));

export const paymentsQuery = (org: Membership) =>
  infiniteQueryOptions({
    queryKey: [org.id, "payments"],
    queryFn: ({ pageParam }) =>
      dataOf(
        api.GET("/v1/billing/payments", {
          ...forOrg(org),
          params: { query: pageAfter(pageParam) },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: nextAfter<Payment>,
    select: pagesJoined<Payment>,
  });
