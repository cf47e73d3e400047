import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { paymentSettingsQuery } from "@/api/payments";
import type { PaymentSettings } from "@/api/types";
import { balanceQuery } from "@/api/usage";
import { added, amountFault, sumsOffered } from "@/lib/money";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { QueryView } from "@/ui/QueryView";
import { useCheckout } from "../useCheckout";
import { MoneyInput } from "./MoneyInput";

type Values = { amount: string | number };

/** What there will be; what is held meanwhile is neither spent nor free. */
const After = ({ amount, currency }: { amount: string | number; currency: string }) => {
  const { t } = useTranslation("payments");
  const format = useFormat();
  const balances = useQuery(balanceQuery(useOrg()));
  const now = balances.data?.data.find(({ unit }) => unit === currency)?.available ?? 0;
  const after = added(now, Number(amount) || 0);
  return (
    <Text size="sm" aria-live="polite" className="tabular">
      {t("topUp.after", { now: format.money(now, currency), after: format.money(after, currency) })}
    </Text>
  );
};

const TopUpForm = ({ settings }: { settings: PaymentSettings }) => {
  const { t } = useTranslation("payments");
  const format = useFormat();
  const checkout = useCheckout();
  const { currency, top_up: bounds } = settings;
  const offered = sumsOffered(bounds);
  const limits = {
    least: format.sum(bounds.least, currency),
    most: format.sum(bounds.most, currency),
  };
  const form = useForm<Values>({
    initialValues: { amount: offered[1] ?? offered[0] ?? bounds.least },
    validate: {
      amount: (value) => {
        const fault = amountFault(value, currency, bounds);
        return fault ? t(`faults.${fault}`, limits) : null;
      },
    },
  });
  return (
    <form
      noValidate
      onSubmit={form.onSubmit(({ amount }) =>
        checkout.go({ purpose: "top_up", amount: String(amount), currency }),
      )}
    >
      <Stack>
        <Group gap="xs" role="group" aria-label={t("topUp.choices")}>
          {offered.map((sum) => (
            <Button
              key={sum}
              size="xs"
              variant="default"
              aria-pressed={Number(form.values.amount) === sum}
              onClick={() => form.setFieldValue("amount", sum)}
            >
              {format.sum(sum, currency)}
            </Button>
          ))}
        </Group>
        <MoneyInput
          label={t("topUp.amount")}
          description={t("topUp.bounds", limits)}
          currency={currency}
          data-autofocus
          {...form.getInputProps("amount")}
        />
        <After amount={form.values.amount} currency={currency} />
        <ErrorBox error={checkout.error} />
        <Group justify="flex-end">
          <Button type="submit" loading={checkout.busy}>
            {t("topUp.submit")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
};

type Props = { opened: boolean; onClose: () => void };

/** Credit in advance: how much, and what the balance will be. */
export const TopUpDialog = ({ opened, onClose }: Props) => {
  const { t } = useTranslation(["payments", "common"]);
  const settings = useQuery({ ...paymentSettingsQuery(useOrg()), enabled: opened });
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("topUp.title")}
      centered
      closeButtonProps={{ "aria-label": t("common:close") }}
    >
      <QueryView query={settings}>{(data) => <TopUpForm settings={data} />}</QueryView>
    </Modal>
  );
};
