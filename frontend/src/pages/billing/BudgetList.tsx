import { Badge, Button, Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Budget } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { LevelBar } from "@/ui/LevelBar";
import { useMeterName } from "../usage/useMeterName";
import classes from "./BudgetList.module.css";
import { useSubjects } from "./useSubjects";

type Props = {
  budgets: readonly Budget[];
  onChange: (budget: Budget) => void;
  onRemove: (budget: Budget) => void;
};

const useSubjectName = () => {
  const { t } = useTranslation("billing");
  const { members, keys } = useSubjects();
  return ({ scope, subject }: Budget): string => {
    const name = [...members, ...keys].find(({ id }) => id === subject)?.name;
    return subject
      ? `${t(`budgets.scopes.${scope}`)}: ${name ?? subject}`
      : t(`budgets.scopes.${scope}`);
  };
};

const Line = ({ budget, onChange, onRemove }: Omit<Props, "budgets"> & { budget: Budget }) => {
  const { t } = useTranslation("billing");
  const format = useFormat();
  const meterName = useMeterName();
  const subjectName = useSubjectName();
  const taken = budget.used + budget.held;
  const share = budget.amount > 0 ? taken / budget.amount : 1;
  const name = `${meterName(budget.unit)}, ${t(`budgets.windows.${budget.window}`)}`;
  const ofPlan = budget.scope === "plan";
  return (
    <li className={classes.line}>
      <div className={classes.head}>
        <div>
          <Text fw={600}>{name}</Text>
          <Text size="sm" c="dimmed">
            {subjectName(budget)}
          </Text>
        </div>
        <Badge variant="default" tt="none" fw={500}>
          {t(`budgets.${budget.enforcement}.name`)}
        </Badge>
      </div>
      <LevelBar share={share} label={name} alarm={share >= 1} />
      <div className={classes.foot}>
        <Text size="sm" className="tabular">
          {t("budgets.used", {
            used: format.units(taken, budget.unit),
            amount: format.units(budget.amount, budget.unit),
          })}
          <Text span c="dimmed" size="sm" ml="sm">
            {budget.alerts.length > 0
              ? t("budgets.warnsAt", { percents: budget.alerts.map((one) => `${one}%`).join(", ") })
              : t("budgets.warnsNever")}
          </Text>
        </Text>
        {ofPlan ? (
          <Text size="sm" c="dimmed">
            {t("budgets.ofPlan")}
          </Text>
        ) : (
          <Group gap="xs">
            <Button
              variant="subtle"
              size="compact-sm"
              aria-label={t("budgets.changeNamed", { name })}
              onClick={() => onChange(budget)}
            >
              {t("budgets.change")}
            </Button>
            <Button
              variant="subtle"
              color="red"
              size="compact-sm"
              aria-label={t("budgets.remove.named", { name })}
              onClick={() => onRemove(budget)}
            >
              {t("budgets.remove.open")}
            </Button>
          </Group>
        )}
      </div>
    </li>
  );
};

/** Each budget with how much of it is taken in the present window. */
export const BudgetList = ({ budgets, onChange, onRemove }: Props) => {
  const { t } = useTranslation("billing");
  return (
    <ul className={classes.list} aria-label={t("budgets.title")}>
      {budgets.map((budget) => (
        <Line key={budget.id} budget={budget} onChange={onChange} onRemove={onRemove} />
      ))}
    </ul>
  );
};
