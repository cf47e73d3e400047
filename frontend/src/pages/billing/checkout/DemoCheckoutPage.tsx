import { Button, Group, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { checkoutQuery, demoCheckoutPay } from "@/api/payments";
import type { Checkout, DemoCard } from "@/api/types";
import { useCoins } from "@/lib/useCoins";
import { useOnce } from "@/lib/useOnce";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { LinkButton } from "@/ui/links";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { BillingFrame } from "../BillingFrame";
import classes from "./DemoCheckout.module.css";
import { type CardValues, cardFault, DEMO_CARDS, digitsOf, inFours } from "./demoCards";
import { useCheckoutName } from "./useCheckoutName";

const EXAMPLE = { exp: "12/34", cvc: "123" };

/** The numbers there are and what each does; one press fills the form. */
const TestCards = ({ onUse }: { onUse: (number: string) => void }) => {
  const { t } = useTranslation("payments");
  return (
    <ul className={classes.cards} aria-label={t("demo.cards")}>
      {DEMO_CARDS.map(({ number, does }) => (
        <li key={number} className={classes.card}>
          <div>
            <code>{number}</code>
            <Text size="sm" c="dimmed">
              {t(`demo.does.${does}`)}
            </Text>
          </div>
          <Button
            variant="default"
            size="compact-sm"
            flex="none"
            aria-label={t("demo.useNamed", { number })}
            onClick={() => onUse(number)}
          >
            {t("demo.use")}
          </Button>
        </li>
      ))}
    </ul>
  );
};

const CardForm = ({ checkout }: { checkout: Checkout }) => {
  const { t } = useTranslation(["payments", "common"]);
  const org = useOrg();
  const navigate = useNavigate();
  const leave = () =>
    navigate({
      to: "/o/$org/billing/checkout",
      params: { org: org.slug },
      search: { checkout: checkout.id },
    });
  const pay = useOnce({
    mutationFn: (card: DemoCard) => demoCheckoutPay(org, checkout.id, card),
    onSuccess: leave,
  });
  const check = (field: keyof CardValues) => (_value: unknown, values: CardValues) => {
    const fault = cardFault(field, values);
    return fault ? t(`demo.faults.${fault}`) : null;
  };
  const form = useForm<CardValues>({
    initialValues: { number: "", exp: "", cvc: "" },
    validate: { number: check("number"), exp: check("exp"), cvc: check("cvc") },
  });
  return (
    <form
      noValidate
      autoComplete="off"
      onSubmit={form.onSubmit(({ number, exp, cvc }) =>
        pay.mutate({ card_number: digitsOf(number), exp: exp.replace(/\s/g, ""), cvc: cvc.trim() }),
      )}
    >
      <Stack>
        <TestCards onUse={(number) => form.setValues({ number, ...EXAMPLE })} />
        <TextInput
          label={t("demo.number")}
          inputMode="numeric"
          autoComplete="off"
          {...form.getInputProps("number")}
          onChange={(event) => form.setFieldValue("number", inFours(event.currentTarget.value))}
        />
        <SimpleGrid cols={2}>
          <TextInput
            label={t("demo.exp")}
            placeholder={EXAMPLE.exp}
            inputMode="numeric"
            autoComplete="off"
            maxLength={7}
            {...form.getInputProps("exp")}
          />
          <TextInput
            label={t("demo.cvc")}
            inputMode="numeric"
            autoComplete="off"
            maxLength={4}
            {...form.getInputProps("cvc")}
          />
        </SimpleGrid>
        <ErrorBox error={pay.error} />
        <Group justify="space-between">
          <LinkButton to="/o/$org/billing" params={{ org: org.slug }} variant="default">
            {t("common:back")}
          </LinkButton>
          <Button type="submit" loading={pay.isPending}>
            {t(checkout.amount ? "demo.pay" : "demo.save")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
};

const View = ({ checkout }: { checkout: Checkout }) => {
  const { t } = useTranslation("payments");
  const org = useOrg();
  const coins = useCoins();
  const name = useCheckoutName()(checkout);
  const { amount, currency } = checkout;
  if (checkout.status !== "open") {
    return (
      <Panel title={t("demo.over.title")}>
        <Text mb="md">{t("demo.over.text")}</Text>
        <LinkButton to="/o/$org/billing" params={{ org: org.slug }} variant="default">
          {t("demo.over.action")}
        </LinkButton>
      </Panel>
    );
  }
  return (
    <div className={classes.page}>
      <Panel title={name}>
        {amount && currency ? (
          <Text className={classes.amount}>{coins(amount, currency)}</Text>
        ) : null}
        <CardForm checkout={checkout} />
      </Panel>
    </div>
  );
};

/** The card page of Demo billing: what the provider's page is elsewhere. */
export const DemoCheckoutPage = () => {
  const { t } = useTranslation("payments");
  const { checkoutId = "" } = useParams({ strict: false });
  const checkout = useQuery(checkoutQuery(useOrg(), checkoutId, false));
  return (
    <BillingFrame title={t("demo.title")} lead={t("demo.lead")}>
      <QueryView query={checkout}>{(data) => <View checkout={data} />}</QueryView>
    </BillingFrame>
  );
};
