import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { creditNotePdf } from "@/api/invoices";
import type { CreditNote } from "@/api/types";
import { useCoins } from "@/lib/useCoins";
import { useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { Panel } from "@/ui/Panel";
import { useBillingDay } from "../useBillingDay";
import { PdfButtons } from "./PdfButtons";

const useColumns = (): Column<CreditNote>[] => {
  const { t } = useTranslation("invoices");
  const { day } = useBillingDay();
  const coins = useCoins();
  const org = useOrg();
  return [
    {
      key: "number",
      title: t("number"),
      cell: (note) => (
        <>
          <Text fw={600}>{note.number}</Text>
          <Text size="sm" c="dimmed">
            {day(note.issued_at)}
          </Text>
        </>
      ),
    },
    {
      key: "reason",
      title: t("notes.reason"),
      wide: true,
      cell: (note) => (
        <>
          {note.reason}
          {Number(note.returned) > 0 ? (
            <Text size="sm" c="dimmed">
              {t(`notes.returned.${note.return_by}`, {
                amount: coins(note.returned, note.currency),
              })}
            </Text>
          ) : null}
        </>
      ),
    },
    {
      key: "total",
      title: t("total"),
      numeric: true,
      cell: (note) => coins(note.total, note.currency),
    },
    {
      key: "pdf",
      title: t("pdf.title"),
      cell: (note) => (
        <PdfButtons
          number={note.number}
          load={(language) => creditNotePdf(org, note.id, language)}
        />
      ),
    },
  ];
};

/** What was taken off the invoice after it was final. */
export const CreditNotes = ({ notes }: { notes: readonly CreditNote[] }) => {
  const { t } = useTranslation("invoices");
  const columns = useColumns();
  if (notes.length === 0) return null;
  return (
    <Panel title={t("notes.title")}>
      <DataTable
        caption={t("notes.title")}
        columns={columns}
        rows={notes}
        rowKey={(note) => note.id}
      />
    </Panel>
  );
};
