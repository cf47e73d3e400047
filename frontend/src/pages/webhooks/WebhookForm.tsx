import { Button, Checkbox, Group, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { Webhook } from "@/api/types";
import { eventTypesQuery, type WebhookDraft } from "@/api/webhooks";
import { useOrg } from "@/lib/useOrg";
import { isAddress } from "@/lib/webhooks";
import { ErrorBox } from "@/ui/ErrorBox";
import { QueryView } from "@/ui/QueryView";
import { useEventName } from "./useEventName";
import classes from "./Webhooks.module.css";

/** A test is sent to every webhook, so there is nothing to choose. */
const TEST = "webhook.test";

type Form = WebhookDraft & { all: boolean };
type Props = {
  /** The webhook to change; without it a new one is made. */
  webhook?: Webhook;
  busy: boolean;
  error: unknown;
  onSubmit: (draft: WebhookDraft) => void;
};

const draftOf = ({ all, ...draft }: Form): WebhookDraft => ({
  url: draft.url.trim(),
  description: draft.description.trim(),
  event_types: all ? [] : draft.event_types,
});

export const WebhookForm = ({ webhook, busy, error, onSubmit }: Props) => {
  const { t } = useTranslation("webhooks");
  const types = useQuery(eventTypesQuery(useOrg()));
  const eventName = useEventName();
  const form = useForm<Form>({
    initialValues: {
      url: webhook?.url ?? "",
      description: webhook?.description ?? "",
      event_types: webhook?.event_types ?? [],
      all: (webhook?.event_types.length ?? 0) === 0,
    },
    validate: {
      url: (value) => (isAddress(value.trim()) ? null : t("form.urlNeeded")),
      event_types: (value, { all }) => (all || value.length > 0 ? null : t("form.eventsNeeded")),
    },
  });
  return (
    <form onSubmit={form.onSubmit((values) => onSubmit(draftOf(values)))} noValidate>
      <Stack>
        <TextInput
          label={t("form.url")}
          description={t("form.urlHint")}
          placeholder="https://example.com/hooks/anneal"
          type="url"
          maxLength={2000}
          data-autofocus
          {...form.getInputProps("url")}
        />
        <TextInput
          label={t("form.description")}
          placeholder={t("form.descriptionPlaceholder")}
          maxLength={200}
          {...form.getInputProps("description")}
        />
        <Checkbox
          label={t("form.all")}
          description={t("form.allHint")}
          {...form.getInputProps("all", { type: "checkbox" })}
        />
        {form.values.all ? null : (
          <QueryView query={types}>
            {({ data }) => (
              <Checkbox.Group label={t("form.events")} {...form.getInputProps("event_types")}>
                <div className={classes.types}>
                  {data
                    .filter(({ id }) => id !== TEST)
                    .map((type) => (
                      <Checkbox
                        key={type.id}
                        value={type.id}
                        label={type.id}
                        description={eventName(type.id, type.description)}
                      />
                    ))}
                </div>
              </Checkbox.Group>
            )}
          </QueryView>
        )}
        <ErrorBox error={error} />
        <Group justify="flex-end">
          <Button type="submit" loading={busy}>
            {webhook ? t("form.save") : t("form.submit")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
};
