import { Button, Group, NumberInput, Radio, Select, Stack, TextInput } from "@mantine/core";
import { type UseFormReturnType, useForm } from "@mantine/form";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { pricesQuery } from "@/api/billing";
import type { Budget, BudgetDraft } from "@/api/types";
import { balanceQuery } from "@/api/usage";
import { isCurrency } from "@/lib/format";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { useMeterName } from "../usage/useMeterName";
import { alertsOf, type BudgetValues, draftOf, valuesOf } from "./budgetForm";
import { useSubjects } from "./useSubjects";

const WINDOWS = ["day", "month", "total"] as const;
const SCOPES = ["organization", "member", "key"] as const;
const MONEY_DIGITS = 12;

type Form = UseFormReturnType<BudgetValues>;

/** What can be limited: the meters with a price, and money once the account has some. */
const useUnits = (): { value: string; label: string }[] => {
  const meterName = useMeterName();
  const prices = useQuery(pricesQuery);
  const balance = useQuery(balanceQuery(useOrg()));
  const known = prices.data?.data ?? [];
  const meters = new Set(["prediction", ...known.map((price) => price.meter)]);
  const money = (balance.data?.data ?? []).map(({ unit }) => unit).filter(isCurrency);
  return [...meters, ...money].map((unit) => ({ value: unit, label: meterName(unit) }));
};

const SubjectFields = ({ form, locked }: { form: Form; locked: boolean }) => {
  const { t } = useTranslation("billing");
  const { members, keys } = useSubjects();
  const { scope } = form.values;
  const subjects = scope === "key" ? keys : members;
  const scopes = SCOPES.filter((one) => one !== "key" || keys.length > 0 || scope === "key");
  return (
    <>
      <Select
        label={t("budgets.form.scope")}
        data={scopes.map((value) => ({ value, label: t(`budgets.scopes.${value}`) }))}
        allowDeselect={false}
        disabled={locked}
        {...form.getInputProps("scope")}
        onChange={(value) => form.setValues({ scope: value as BudgetValues["scope"], subject: "" })}
      />
      {scope === "organization" ? null : (
        <Select
          label={t(`budgets.scopes.${scope}`)}
          data={subjects.map(({ id, name }) => ({ value: id, label: name }))}
          allowDeselect={false}
          searchable
          disabled={locked}
          {...form.getInputProps("subject")}
        />
      )}
    </>
  );
};

type Props = {
  budget: Budget | undefined;
  busy: boolean;
  error: unknown;
  onSubmit: (draft: BudgetDraft) => void;
};

/** Unit, window and whose it is name a budget: of one there is, only the rest can be changed. */
export const BudgetForm = ({ budget, busy, error, onSubmit }: Props) => {
  const { t } = useTranslation("billing");
  const units = useUnits();
  const locked = budget !== undefined;
  const form = useForm<BudgetValues>({
    initialValues: valuesOf(budget),
    validate: {
      amount: (value) => (value === "" ? t("budgets.form.amountNeeded") : null),
      alerts: (value) => (alertsOf(value) ? null : t("budgets.form.alertsRule")),
      subject: (value, { scope }) =>
        scope === "organization" || value ? null : t("budgets.form.subjectNeeded"),
    },
  });
  return (
    <form onSubmit={form.onSubmit((values) => onSubmit(draftOf(values)))}>
      <Stack>
        <Select
          label={t("budgets.form.unit")}
          description={isCurrency(form.values.unit) ? t("budgets.form.unitMoney") : undefined}
          data={units}
          allowDeselect={false}
          disabled={locked}
          {...form.getInputProps("unit")}
        />
        <Select
          label={t("budgets.form.window")}
          data={WINDOWS.map((value) => ({ value, label: t(`budgets.windows.${value}`) }))}
          allowDeselect={false}
          disabled={locked}
          {...form.getInputProps("window")}
        />
        <NumberInput
          label={t("budgets.form.amount")}
          min={0}
          decimalScale={isCurrency(form.values.unit) ? MONEY_DIGITS : 0}
          thousandSeparator=" "
          hideControls
          data-autofocus
          {...form.getInputProps("amount")}
        />
        <SubjectFields form={form} locked={locked} />
        <Radio.Group label={t("budgets.form.enforcement")} {...form.getInputProps("enforcement")}>
          <Stack gap="xs" mt="xs">
            <Radio
              value="hard"
              label={t("budgets.hard.name")}
              description={t("budgets.hard.text")}
            />
            <Radio
              value="soft"
              label={t("budgets.soft.name")}
              description={t("budgets.soft.text")}
            />
          </Stack>
        </Radio.Group>
        <TextInput
          label={t("budgets.form.alerts")}
          description={t("budgets.form.alertsHelp")}
          inputMode="numeric"
          {...form.getInputProps("alerts")}
        />
        <ErrorBox error={error} />
        <Group justify="flex-end">
          <Button type="submit" loading={busy}>
            {t("budgets.form.submit")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
};
