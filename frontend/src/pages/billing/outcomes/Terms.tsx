import { Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/lib/useFormat";
import { useNamed } from "@/lib/useNamed";
import { Stats } from "@/ui/Stat";
import type { ContractDocument } from "../payments.types";
import { clausesOf } from "./clauses";
import classes from "./Terms.module.css";

/** The figures of a contract, each kind its own. */
const useFigures = (document: ContractDocument): { label: string; value: string }[] => {
  const { t } = useTranslation("contracts");
  const format = useFormat();
  const days = (count: number) => t("figures.days", { count });
  const price = {
    label: t("columns.price"),
    value: format.money(document.price, document.currency),
  };
  const dispute = { label: t("figures.dispute"), value: days(document.dispute_days) };
  if (document.kind === "confirmed_prediction") {
    return [price, { label: t("figures.window"), value: days(document.window_days ?? 0) }, dispute];
  }
  return [
    price,
    { label: t("figures.margin"), value: document.margin },
    { label: t("figures.level"), value: document.level },
    dispute,
  ];
};

/** The contract as it is accepted, word for word, sentence by sentence. */
export const Terms = ({ document }: { document: ContractDocument }) => {
  const named = useNamed();
  return (
    <Stack gap="lg">
      <Stats items={useFigures(document)} />
      <ol className={classes.terms}>
        {clausesOf(named(document.text)).map((clause) => (
          <li key={clause}>{clause}</li>
        ))}
      </ol>
    </Stack>
  );
};
