import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { InvoiceLine, UpcomingInvoice, UpcomingLine } from "@/api/types";
import { dateOf } from "@/lib/format";
import { useCoins } from "@/lib/useCoins";
import { useFormat } from "@/lib/useFormat";
import { useNamed } from "@/lib/useNamed";
import { useBillingDay } from "../useBillingDay";
import classes from "./Lines.module.css";

type Asked = UpcomingLine & Partial<Pick<InvoiceLine, "id" | "evidence">>;
/** A final invoice, or what the next one would be. */
type Bill = Pick<UpcomingInvoice, "currency" | "subtotal" | "total" | "taxes"> & {
  lines: readonly Asked[];
  paid?: string;
  credited?: string;
  returned?: string;
  amount_due?: string;
};

type LineProps = { line: Asked; currency: string };

/** Of what a part of a fee is the part. */
const Whole = ({ line, currency }: LineProps) => {
  const { t } = useTranslation("invoices");
  const format = useFormat();
  const { day, lastDay } = useBillingDay();
  const { fee, whole_starts_at: from, whole_ends_at: to } = line.evidence ?? {};
  const { period } = line;
  if (!fee || !from || !to || !period) return null;
  if (dateOf(from).getTime() === dateOf(period.starts_at).getTime()) return null;
  return (
    <Text size="sm" c="dimmed">
      {t("lines.whole", {
        fee: format.money(fee, currency),
        from: day(from),
        to: lastDay(to),
      })}
    </Text>
  );
};

/** A period in days; one of a single day is that day. */
const useSpan = () => {
  const { t } = useTranslation("invoices");
  const { day, lastDay } = useBillingDay();
  return ({ starts_at: start, ends_at: end }: NonNullable<Asked["period"]>): string => {
    const [from, to] = [day(start), lastDay(end)];
    return from === to ? from : t("lines.period", { from, to });
  };
};

/** What for, for which time, and how the sum came about. */
const Line = ({ line, currency }: LineProps) => {
  const { t } = useTranslation("invoices");
  const format = useFormat();
  const spanned = useSpan();
  const coins = useCoins();
  const named = useNamed();
  const { quantity, unit_price: price, period } = line;
  const reckoned =
    quantity !== null && price !== null
      ? t("lines.reckoned", {
          quantity: format.number(quantity),
          price: format.money(price, currency),
        })
      : "";
  return (
    <tr>
      <td>
        <Text>{named(line.description)}</Text>
        {period ? (
          <Text size="sm" c="dimmed">
            {spanned(period)}
          </Text>
        ) : null}
        <Whole line={line} currency={currency} />
        {reckoned ? (
          <Text size="sm" c="dimmed" hiddenFrom="sm">
            {reckoned}
          </Text>
        ) : null}
      </td>
      <td data-numeric data-wide>
        {reckoned}
      </td>
      <td data-numeric>{coins(line.amount, currency)}</td>
    </tr>
  );
};

type SumProps = { label: string; amount: string; currency: string; total?: boolean };

const Sum = ({ label, amount, currency, total = false }: SumProps) => {
  const coins = useCoins();
  return (
    <tr data-total={total || undefined}>
      <th scope="row">{label}</th>
      <td data-wide />
      <td data-numeric>{coins(amount, currency)}</td>
    </tr>
  );
};

const isSome = (amount: string | undefined): amount is string =>
  amount !== undefined && Number(amount) !== 0;

/** The sums under the lines; those that are nothing are not said. */
const Sums = ({ bill }: { bill: Bill }) => {
  const { t } = useTranslation("invoices");
  const format = useFormat();
  const named = useNamed();
  const { currency } = bill;
  return (
    <tfoot>
      {bill.taxes.length > 0 ? (
        <Sum label={t("sums.subtotal")} amount={bill.subtotal} currency={currency} />
      ) : null}
      {bill.taxes.map((tax) => (
        <Sum
          key={tax.name.en}
          label={t("sums.tax", { name: named(tax.name), percent: format.number(tax.percent) })}
          amount={tax.amount}
          currency={currency}
        />
      ))}
      <Sum label={t("sums.total")} amount={bill.total} currency={currency} total />
      {isSome(bill.credited) ? (
        <Sum label={t("sums.credited")} amount={`-${bill.credited}`} currency={currency} />
      ) : null}
      {isSome(bill.paid) ? (
        <Sum label={t("sums.paid")} amount={`-${bill.paid}`} currency={currency} />
      ) : null}
      {isSome(bill.returned) ? (
        <Sum label={t("sums.returned")} amount={bill.returned} currency={currency} />
      ) : null}
      {isSome(bill.amount_due) ? (
        <Sum label={t("sums.due")} amount={bill.amount_due} currency={currency} total />
      ) : null}
    </tfoot>
  );
};

/** The lines of an invoice and what they add up to. */
export const Lines = ({ bill, caption }: { bill: Bill; caption: string }) => {
  const { t } = useTranslation("invoices");
  return (
    <table className={classes.lines}>
      <caption className={classes.caption}>{caption}</caption>
      <thead>
        <tr>
          <th scope="col">{t("lines.what")}</th>
          <th scope="col" data-numeric data-wide>
            {t("lines.how")}
          </th>
          <th scope="col" data-numeric>
            {t("lines.amount")}
          </th>
        </tr>
      </thead>
      <tbody>
        {bill.lines.map((line, place) => (
          <Line key={line.id ?? place} line={line} currency={bill.currency} />
        ))}
      </tbody>
      <Sums bill={bill} />
    </table>
  );
};
