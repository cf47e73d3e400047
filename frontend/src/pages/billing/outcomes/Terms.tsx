import { Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { OutcomeTerms } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useNamed } from "@/lib/useNamed";
import { Stats } from "@/ui/Stat";
import { clausesOf } from "./clauses";
import classes from "./Terms.module.css";

/** The figures of a contract, each kind its own. */
const useFigures = (terms: OutcomeTerms): { label: string; value: string }[] => {
  const { t } = useTranslation("contracts");
  const format = useFormat();
  const days = (count: number) => t("figures.days", { count });
  const price = {
    label: t("columns.price"),
    value: format.money(terms.price, terms.currency),
  };
  const dispute = { label: t("figures.dispute"), value: days(terms.dispute_days) };
  if (terms.kind === "confirmed_prediction") {
    return [price, { label: t("figures.window"), value: days(terms.window_days ?? 0) }, dispute];
  }
  return [
    price,
    { label: t("figures.margin"), value: terms.margin },
    { label: t("figures.level"), value: terms.level },
    dispute,
  ];
};

/** The contract as it is accepted, word for word, sentence by sentence. */
export const Terms = ({ terms }: { terms: OutcomeTerms }) => {
  const named = useNamed();
  return (
    <Stack gap="lg">
      <Stats items={useFigures(terms)} />
      <ol className={classes.terms}>
        {clausesOf(named(terms.text)).map((clause) => (
          <li key={clause}>{clause}</li>
        ))}
      </ol>
    </Stack>
  );
};
