import { Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Model } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { Panel } from "@/ui/Panel";
import classes from "./Models.module.css";

/** The server's dictionary holds texts, numbers and one level of both; nothing else is shown. */
const wordsOf = (value: unknown): string => {
  if (typeof value === "object" && value !== null)
    return Object.entries(value)
      .map(([key, inner]) => `${key} ${String(inner)}`)
      .join(", ");
  return value === undefined || value === null ? "" : String(value);
};

/** Money beyond what grants have paid; jobs from before it was kept, or without a price, have none. */
type Price = { amount?: string; currency: string };

/** All that is known of how a version came to be. */
export const Lineage = ({ model }: { model: Model }) => {
  const { t } = useTranslation("models");
  const format = useFormat();
  const facts = model.lineage ?? {};
  const split = facts.split_hash
    ? `${wordsOf(facts.split_seed)}; ${wordsOf(facts.split_hash)}`
    : "";
  const number = (value: unknown, show: (value: number) => string): string =>
    typeof value === "number" && value > 0 ? show(value) : "";
  const named = useKnown("datasets");
  const splitsOf = (splits: unknown): string =>
    Object.entries(splits ?? {})
      .map(([name, rows]) => `${named("splits", name) ?? name} ${format.number(rows)}`)
      .join(" · ");
  const imported = model.origin === "import";
  const price = facts.price as Price | undefined;
  const lines: [string, string][] = [
    [t("lineage.imported"), wordsOf(facts.imported)],
    [t("lineage.parent"), wordsOf(facts.parent)],
    [t("lineage.data"), wordsOf(facts.dataset_version)],
    [t("lineage.hash"), wordsOf(facts.dataset_hash)],
    [t("lineage.validated"), wordsOf(facts.validation_version)],
    [t("lineage.sealed"), wordsOf(facts.sealed_version)],
    [t("lineage.split"), split],
    [t("lineage.rows"), splitsOf(facts.splits)],
    [t("lineage.seed"), imported ? "" : wordsOf(facts.seed)],
    [t("lineage.base"), wordsOf(facts.base_sha256)],
    [t("lineage.config"), wordsOf(facts.config)],
    [t("lineage.tokens"), number(facts.trained_tokens, format.number)],
    [t("lineage.seconds"), number(facts.seconds, format.span)],
    [t("lineage.price"), price?.amount ? format.money(price.amount, price.currency) : ""],
    [t("lineage.hardware"), wordsOf(facts.hardware)],
    [t("lineage.code"), wordsOf(facts.code_version)],
    [t("lineage.libraries"), wordsOf(facts.libraries)],
  ];
  return (
    <Panel title={t("lineage.title")}>
      <Table aria-label={t("lineage.title")}>
        <Table.Tbody>
          {lines
            .filter(([, value]) => value)
            .map(([name, value]) => (
              <Table.Tr key={name}>
                <Table.Th scope="row">{name}</Table.Th>
                <Table.Td>
                  <Text size="sm" className={classes.fact}>
                    {value}
                  </Text>
                </Table.Td>
              </Table.Tr>
            ))}
        </Table.Tbody>
      </Table>
    </Panel>
  );
};
