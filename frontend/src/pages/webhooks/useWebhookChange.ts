/** What is done to one webhook: one mutation, since only one can run at a time. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import type { Webhook } from "@/api/types";
import {
  deliveryResend,
  type WebhookDraft,
  webhookChange,
  webhookDelete,
  webhookReplay,
  webhookTest,
} from "@/api/webhooks";
import { useOrg } from "@/lib/useOrg";

type Change =
  | { action: "test" }
  | { action: "edit"; draft: WebhookDraft }
  | { action: "enable"; enabled: boolean }
  | { action: "resend"; delivery: string }
  | { action: "replay"; since: string }
  | { action: "delete" };

export const useWebhookChange = (row: Webhook) => {
  const org = useOrg();
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: async (change: Change): Promise<void> => {
      if (change.action === "test") await webhookTest(org, row.id);
      else if (change.action === "edit") await webhookChange(org, row.id, change.draft);
      else if (change.action === "enable") {
        await webhookChange(org, row.id, { enabled: change.enabled });
      } else if (change.action === "resend") await deliveryResend(org, row.id, change.delivery);
      else if (change.action === "replay") await webhookReplay(org, row.id, change.since);
      else await webhookDelete(org, row.id);
    },
    onSuccess: async (_, { action }) => {
      if (action === "delete") {
        await navigate({ to: "/o/$org/webhooks", params: { org: org.slug } });
        client.removeQueries({ queryKey: [org.id, "webhooks", row.id] });
      }
      await client.invalidateQueries({ queryKey: [org.id, "webhooks"] });
    },
  });
};

export type WebhookMutation = ReturnType<typeof useWebhookChange>;
