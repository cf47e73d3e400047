import { useTranslation } from "react-i18next";
import { useFormat } from "@/lib/useFormat";
import type { OutcomeTerms } from "../payments.types";
import classes from "./Terms.module.css";

const CLAUSES = {
  success_fee: ["fee", "measure", "sealed", "otherwise"],
  confirmed_prediction: ["fee", "confirm", "assume", "wrong", "base"],
} as const;

type Props = { terms: OutcomeTerms; subject: string };

/** The contract, clause by clause, in words. */
export const Terms = ({ terms, subject }: Props) => {
  const { t } = useTranslation("contracts");
  const format = useFormat();
  const { kind, currency } = terms;
  const values = {
    subject,
    price: format.money(terms.price, currency),
    base: format.money(terms.base_price ?? "0", currency),
    metric: terms.metric ?? "",
    margin: format.percent(Number(terms.margin ?? 0)),
    level: format.percent(Number(terms.significance ?? 0)),
    rows: terms.sealed_rows === null ? "" : format.number(terms.sealed_rows),
    count: terms.settle_days ?? 0,
  };
  const clauses = [
    ...CLAUSES[kind].map((clause) => ({
      key: clause as string,
      text: t(`clauses.${kind}.${clause}` as "clauses.success_fee.fee", values),
    })),
    { key: "dispute", text: t("clauses.dispute", { count: terms.dispute_days }) },
    { key: "reversal", text: t("clauses.reversal") },
  ];
  return (
    <ol className={classes.terms}>
      {clauses.map(({ key, text }) => (
        <li key={key}>{text}</li>
      ))}
    </ol>
  );
};
