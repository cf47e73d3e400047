/** Webhooks: made with a secret that is shown once, tried, watched, sent again. */
import { queryOptions } from "@tanstack/react-query";
import { isImminent } from "@/lib/webhooks";
import { api, dataOf, forOrg, longPage } from "./client";
import type { Delivery, Membership } from "./types";

const of = (id: string) => ({ params: { path: { webhook_id: id } } });

const WATCH_MS = 2_000;

export const webhooksQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "webhooks"],
    queryFn: () => dataOf(api.GET("/v1/webhooks", { ...forOrg(org), ...longPage })),
  });

export const webhookQuery = (org: Membership, id: string) =>
  queryOptions({
    queryKey: [org.id, "webhooks", id],
    queryFn: () => dataOf(api.GET("/v1/webhooks/{webhook_id}", { ...forOrg(org), ...of(id) })),
  });

export const eventTypesQuery = (org: Membership) =>
  queryOptions({
    queryKey: [org.id, "webhook-event-types"],
    queryFn: () => dataOf(api.GET("/v1/webhooks/event_types", forOrg(org))),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const deliveriesQuery = (
  org: Membership,
  id: string,
  state: Delivery["state"] | undefined,
) =>
  queryOptions({
    queryKey: [org.id, "webhooks", id, "deliveries", state ?? "all"],
    queryFn: () =>
      dataOf(
        api.GET("/v1/webhooks/{webhook_id}/deliveries", {
          ...forOrg(org),
          params: { path: { webhook_id: id }, query: { limit: 50, state } as never },
        }),
      ),
    refetchInterval: ({ state: { data } }) =>
      data?.data.some((one) => isImminent(one, Date.now())) ? WATCH_MS : false,
  });

export type WebhookDraft = { url: string; description: string; event_types: string[] };

export const webhookCreate = (org: Membership, body: WebhookDraft) =>
  dataOf(api.POST("/v1/webhooks", { ...forOrg(org), body }));

export const webhookChange = (
  org: Membership,
  id: string,
  body: Partial<WebhookDraft> & { enabled?: boolean },
) => dataOf(api.PATCH("/v1/webhooks/{webhook_id}", { ...forOrg(org), ...of(id), body }));

export const webhookDelete = async (org: Membership, id: string): Promise<void> => {
  await api.DELETE("/v1/webhooks/{webhook_id}", { ...forOrg(org), ...of(id) });
};

export const webhookRotate = (org: Membership, id: string) =>
  dataOf(api.POST("/v1/webhooks/{webhook_id}/rotate", { ...forOrg(org), ...of(id) }));

export const webhookTest = (org: Membership, id: string) =>
  dataOf(api.POST("/v1/webhooks/{webhook_id}/test", { ...forOrg(org), ...of(id) }));

export const webhookReplay = (org: Membership, id: string, since: string) =>
  dataOf(
    api.POST("/v1/webhooks/{webhook_id}/replay", { ...forOrg(org), ...of(id), body: { since } }),
  );

export const deliveryResend = (org: Membership, id: string, delivery: string) =>
  dataOf(
    api.POST("/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/resend", {
      ...forOrg(org),
      params: { path: { webhook_id: id, delivery_id: delivery } },
    }),
  );
