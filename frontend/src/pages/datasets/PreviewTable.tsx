import { Table } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { ColumnMapping, DatasetPreview } from "@/api/types";
import classes from "./PreviewTable.module.css";

const SHOWN = 8;

type Props = { preview: DatasetPreview; mapping: ColumnMapping; kept: readonly string[] };

/** The head of the file as it was read, text, label and the further columns that are kept marked. */
export const PreviewTable = ({ preview, mapping, kept }: Props) => {
  const { t } = useTranslation("datasets");
  const role = (column: string): string | undefined => {
    if (column === mapping.text) return t("new.roleText");
    if (column === mapping.label) return t("new.roleLabel");
    return kept.includes(column) ? t("new.roleMeta") : undefined;
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className={classes.scroll} tabIndex={0} aria-label={t("new.preview")}>
      <Table horizontalSpacing="md">
        <Table.Thead>
          <Table.Tr>
            {preview.columns.map((column) => (
              <Table.Th key={column} scope="col" className={classes.head}>
                {column}
                {role(column) ? <span className={classes.role}>{role(column)}</span> : null}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {preview.rows.slice(0, SHOWN).map((row, number) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows of a file may be equal and never move
            <Table.Tr key={number}>
              {preview.columns.map((column) => (
                <Table.Td
                  key={column}
                  className={classes.cell}
                  data-quiet={!role(column) || undefined}
                >
                  {row[column]}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </section>
  );
};
