import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { PlanChangePreview } from "@/api/types";
import { useCoins } from "@/lib/useCoins";
import { useFormat } from "@/lib/useFormat";
import { useNamed } from "@/lib/useNamed";
import classes from "./PlanChange.module.css";
import { useBillingDay } from "./useBillingDay";

type CostProps = { label: string; amount: string; currency: string; total?: boolean };

const Cost = ({ label, amount, currency, total = false }: CostProps) => {
  const coins = useCoins();
  return (
    <div data-total={total || undefined}>
      <dt>{label}</dt>
      <dd>{coins(amount, currency)}</dd>
    </div>
  );
};

/** The invoice that would be made now, line by line, and what the next one would ask for. */
export const PlanCosts = ({ preview }: { preview: PlanChangePreview }) => {
  const { t } = useTranslation(["billing", "invoices"]);
  const format = useFormat();
  const { day } = useBillingDay();
  const named = useNamed();
  const { currency, invoice, next_invoice: next } = preview;
  return (
    <div>
      <dl className={classes.costs}>
        {invoice?.lines.map((line, place) => (
          <Cost
            // biome-ignore lint/suspicious/noArrayIndexKey: lines have no ids before they are an invoice's
            key={place}
            label={named(line.description)}
            amount={line.amount}
            currency={currency}
          />
        ))}
        {invoice?.taxes.map((tax) => (
          <Cost
            key={tax.name.en}
            label={t("invoices:sums.tax", {
              name: named(tax.name),
              percent: format.number(tax.percent),
            })}
            amount={tax.amount}
            currency={currency}
          />
        ))}
        <Cost label={t("cost.today")} amount={preview.due_now} currency={currency} total />
        {Number(preview.credit) > 0 ? (
          <Cost label={t("cost.credit")} amount={preview.credit} currency={currency} />
        ) : null}
        <Cost
          label={t("cost.next", { date: day(next.closes_at) })}
          amount={next.total}
          currency={next.currency}
        />
      </dl>
      <Text size="sm" c="dimmed">
        {t("cost.note")}
      </Text>
    </div>
  );
};
