import { Button, Checkbox, Group, Select, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useTranslation } from "react-i18next";
import { type KeyDraft, SCOPES } from "@/api/keys";
import type { KeyScope } from "@/api/types";
import { ErrorBox } from "@/ui/ErrorBox";
import { LimitFields } from "./LimitFields";
import { type LimitValues, limitsOf, limitValuesOf } from "./limits";

const EXPIRIES = ["0", "30", "90", "365"] as const;
const DAY_MS = 86_400_000;

type Form = { name: string; scopes: KeyScope[]; days: (typeof EXPIRIES)[number] } & LimitValues;
type Props = { busy: boolean; error: unknown; onSubmit: (draft: KeyDraft) => void };

const draftOf = ({ name, scopes, days, ...limits }: Form): KeyDraft => ({
  name: name.trim(),
  scopes,
  ...limitsOf(limits),
  ...(days === "0"
    ? {}
    : { expires_at: new Date(Date.now() + Number(days) * DAY_MS).toISOString() }),
});

const scopeKey = (scope: string) => scope.replace(":", "_") as "predict";

export const KeyForm = ({ busy, error, onSubmit }: Props) => {
  const { t } = useTranslation("keys");
  const form = useForm<Form>({
    initialValues: { name: "", scopes: ["predict"], days: "0", ...limitValuesOf() },
    validate: {
      name: (value) => (value.trim() ? null : t("form.nameNeeded")),
      scopes: (value) => (value.length > 0 ? null : t("form.scopesNeeded")),
    },
  });
  return (
    <form onSubmit={form.onSubmit((values) => onSubmit(draftOf(values)))}>
      <Stack>
        <TextInput
          label={t("form.name")}
          placeholder={t("form.namePlaceholder")}
          data-autofocus
          {...form.getInputProps("name")}
        />
        <Checkbox.Group label={t("form.scopes")} {...form.getInputProps("scopes")}>
          <Stack gap="xs" mt="xs">
            {SCOPES.map((scope) => (
              <Checkbox
                key={scope}
                value={scope}
                label={scope}
                description={t(`scopes.${scopeKey(scope)}`)}
              />
            ))}
          </Stack>
        </Checkbox.Group>
        <Select
          label={t("form.expiry")}
          data={EXPIRIES.map((days) => ({ value: days, label: t(`form.days.${days}`) }))}
          allowDeselect={false}
          {...form.getInputProps("days")}
        />
        <LimitFields inputProps={(name) => form.getInputProps(name)} />
        <ErrorBox error={error} />
        <Group justify="flex-end">
          <Button type="submit" loading={busy}>
            {t("form.submit")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
};
