import { Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { plansQuery, pricesQuery } from "@/api/billing";
import { boot } from "@/lib/boot";
import { useNamed } from "@/lib/useNamed";
import { LinkButton } from "@/ui/links";
import { QueryView } from "@/ui/QueryView";
import { PlanCard } from "./PlanCard";
import { PriceTable } from "./PriceTable";
import classes from "./Pricing.module.css";

/** What it costs, from the same lists that invoices are made of. */
export const PricingPage = () => {
  const { t } = useTranslation("pricing");
  const named = useNamed();
  const plans = useQuery(plansQuery);
  const prices = useQuery(pricesQuery);
  useDocumentTitle(t("documentTitle"));
  const meterName = (meter: string): string => {
    const found = prices.data?.data.find((price) => price.meter === meter);
    return found ? named(found.name) : meter;
  };
  return (
    <div className={classes.page}>
      <Title order={1} className={classes.title}>
        {t("title")}
      </Title>
      <Text className={classes.lead}>{t("lead")}</Text>
      <QueryView query={plans}>
        {({ data }) =>
          data.length === 0 ? (
            <Text c="dimmed">{t("noPlans")}</Text>
          ) : (
            <ul className={classes.plans} aria-label={t("plans")}>
              {data.map((plan) => (
                <PlanCard
                  key={plan.code}
                  plan={plan}
                  meterName={meterName}
                  action={
                    <LinkButton to="/signup" variant="default" fullWidth>
                      {t("start")}
                    </LinkButton>
                  }
                />
              ))}
            </ul>
          )
        }
      </QueryView>
      {boot.demoBilling ? (
        <Text size="sm" c="dimmed" mt="md">
          {t("demo")}
        </Text>
      ) : null}
      <Title order={2} className={classes.heading}>
        {t("prices.title")}
      </Title>
      <Text c="dimmed" maw="62ch" mb="lg">
        {t("prices.text")}
      </Text>
      <QueryView query={prices}>
        {({ data }) =>
          data.length === 0 ? (
            <Text c="dimmed">{t("prices.none")}</Text>
          ) : (
            <PriceTable prices={data} />
          )
        }
      </QueryView>
      <PlanPrices />
    </div>
  );
};

/** Plans with prices of their own say so below the list. */
const PlanPrices = () => {
  const { t } = useTranslation("pricing");
  const named = useNamed();
  const plans = useQuery(plansQuery);
  const own = (plans.data?.data ?? []).filter((plan) => plan.prices.length > 0);
  return own.map((plan) => (
    <section key={plan.code}>
      <Title order={2} className={classes.heading}>
        {t("prices.ofPlan", { plan: named(plan.name) })}
      </Title>
      <PriceTable prices={plan.prices} />
    </section>
  ));
};
