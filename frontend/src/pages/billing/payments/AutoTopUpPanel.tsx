import { Button, Group, SimpleGrid, Stack, Switch, Text } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import {
  autoTopUpQuery,
  autoTopUpSet,
  paymentMethodsQuery,
  paymentSettingsQuery,
} from "@/api/payments";
import type { AutoTopUp, AutoTopUpDraft, PaymentSettings } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import {
  type AutoTopUpValues,
  autoTopUpDraft,
  autoTopUpValues,
  SUMS,
  type Sum,
  sumFault,
} from "./autoTopUpForm";
import { MoneyInput } from "./MoneyInput";
import { PausedNote } from "./PausedNote";

type Props = { kept: AutoTopUp; settings: PaymentSettings };

const useSave = () => {
  const org = useOrg();
  const client = useQueryClient();
  return useMutation({
    mutationFn: (draft: AutoTopUpDraft) => autoTopUpSet(org, draft),
    onSuccess: (kept) => client.setQueryData(autoTopUpQuery(org).queryKey, kept),
  });
};

const AutoTopUpForm = ({ kept, settings }: Props) => {
  const { t } = useTranslation("payments");
  const format = useFormat();
  const save = useSave();
  const methods = useQuery(paymentMethodsQuery(useOrg()));
  const { currency, top_up: bounds } = settings;
  const limits = {
    least: format.sum(bounds.least, currency),
    most: format.sum(bounds.most, currency),
  };
  const check = (name: Sum) => (_value: unknown, values: AutoTopUpValues) => {
    const fault = sumFault(name, values, currency, bounds);
    return fault ? t(`faults.${fault}`, limits) : null;
  };
  const form = useForm<AutoTopUpValues>({
    initialValues: autoTopUpValues(kept),
    validate: {
      threshold: check("threshold"),
      amount: check("amount"),
      dailyCap: check("dailyCap"),
    },
  });
  const submit = (values: AutoTopUpValues) =>
    save.mutate(autoTopUpDraft(values), { onSuccess: () => form.resetDirty() });
  const cardless = methods.data?.data.length === 0;
  return (
    <form noValidate onSubmit={form.onSubmit(submit)}>
      <Stack>
        <Switch
          label={t("auto.enabled")}
          description={t("auto.text")}
          disabled={cardless && !form.values.enabled}
          {...form.getInputProps("enabled", { type: "checkbox" })}
        />
        <PausedNote kept={kept} />
        {cardless ? (
          <Text size="sm" c="dimmed">
            {t("auto.cardFirst")}
          </Text>
        ) : null}
        {form.values.enabled ? (
          <SimpleGrid cols={{ base: 1, sm: 3 }}>
            {SUMS.map((name) => (
              <MoneyInput
                key={name}
                label={t(`auto.${name}`)}
                currency={currency}
                {...form.getInputProps(name)}
              />
            ))}
          </SimpleGrid>
        ) : null}
        <ErrorBox error={save.error} />
        <Group>
          <Button type="submit" variant="default" loading={save.isPending}>
            {t("auto.submit")}
          </Button>
          {save.isSuccess && !form.isDirty() ? (
            <Text size="sm" role="status">
              {t("auto.saved")}
            </Text>
          ) : null}
        </Group>
      </Stack>
    </form>
  );
};

/** Credit that renews itself when little is left, within a cap a day. */
export const AutoTopUpPanel = () => {
  const { t } = useTranslation("payments");
  const org = useOrg();
  const kept = useQuery(autoTopUpQuery(org));
  const settings = useQuery(paymentSettingsQuery(org));
  return (
    <Panel title={t("auto.title")}>
      <QueryView query={settings}>
        {(found) => (
          <QueryView query={kept}>
            {(data) => <AutoTopUpForm kept={data} settings={found} />}
          </QueryView>
        )}
      </QueryView>
    </Panel>
  );
};
