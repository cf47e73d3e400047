import { Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { invoicePdf, invoiceQuery } from "@/api/invoices";
import type { Invoice, InvoiceWhole } from "@/api/types";
import { useCan, useOrg } from "@/lib/useOrg";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { Stats } from "@/ui/Stat";
import { StatusBadge } from "@/ui/StatusBadge";
import { BillingFrame } from "../BillingFrame";
import { useBillingDay } from "../useBillingDay";
import { CreditNotes } from "./CreditNotes";
import { Lines } from "./Lines";
import { PayPanel } from "./PayPanel";
import { PdfButtons } from "./PdfButtons";
import { Received } from "./Received";
import { isPayable, standingOf } from "./standing";

const Facts = ({ invoice }: { invoice: Invoice }) => {
  const { t } = useTranslation("invoices");
  const { day } = useBillingDay();
  const standing = standingOf(invoice);
  return (
    <Stats
      items={[
        {
          label: t("status"),
          value: <StatusBadge status={standing} label={t(`standings.${standing}`)} />,
        },
        { label: t("kind"), value: t(`kinds.${invoice.kind}`) },
        { label: t("issued"), value: day(invoice.issued_at) },
        invoice.paid_at
          ? { label: t("paidOn"), value: day(invoice.paid_at) }
          : { label: t("due"), value: day(invoice.due_at) },
      ]}
    />
  );
};

const View = ({ invoice }: { invoice: InvoiceWhole }) => {
  const { t } = useTranslation("invoices");
  const org = useOrg();
  const { number } = invoice;
  return (
    <Stack gap="lg">
      {isPayable(invoice) ? <PayPanel invoice={invoice} /> : null}
      <Panel
        title={number}
        aside={
          <PdfButtons number={number} load={(language) => invoicePdf(org, invoice.id, language)} />
        }
      >
        <Stack gap="lg">
          <Facts invoice={invoice} />
          <Lines bill={invoice} caption={t("lines.caption", { number })} />
          {invoice.reverse_charge ? <Text size="sm">{t("reverseCharge")}</Text> : null}
        </Stack>
      </Panel>
      <Received invoice={invoice} />
      <CreditNotes notes={invoice.credit_notes} />
    </Stack>
  );
};

/** One invoice: for what, what taxes, what was paid and taken off, and the way to pay. */
export const InvoicePage = () => {
  const { t } = useTranslation("invoices");
  const { invoiceId = "" } = useParams({ strict: false });
  const invoice = useQuery({ ...invoiceQuery(useOrg(), invoiceId), enabled: useCan("money") });
  return (
    <BillingFrame title={t("one")}>
      <QueryView query={invoice}>{(data) => <View invoice={data} />}</QueryView>
    </BillingFrame>
  );
};
