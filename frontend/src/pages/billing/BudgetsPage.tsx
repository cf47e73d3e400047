import { Button } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { budgetRemove, budgetsQuery } from "@/api/billing";
import type { Budget } from "@/api/types";
import { useCan, useOrg } from "@/lib/useOrg";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { EmptyState } from "@/ui/EmptyState";
import { QueryView } from "@/ui/QueryView";
import { useMeterName } from "../usage/useMeterName";
import { BillingFrame } from "./BillingFrame";
import { BudgetDialog } from "./BudgetDialog";
import { BudgetList } from "./BudgetList";

const Remove = ({ target, onClose }: { target: Budget | undefined; onClose: () => void }) => {
  const { t } = useTranslation("billing");
  const org = useOrg();
  const client = useQueryClient();
  const meterName = useMeterName();
  const remove = useMutation({
    mutationFn: (id: string) => budgetRemove(org, id),
    onSuccess: async () => {
      onClose();
      await client.invalidateQueries({ queryKey: [org.id, "budgets"] });
    },
  });
  const close = () => {
    remove.reset();
    onClose();
  };
  return (
    <ConfirmDialog
      opened={target !== undefined}
      onClose={close}
      onConfirm={() => target && remove.mutate(target.id)}
      title={t("budgets.remove.title")}
      text={target ? t("budgets.remove.text", { unit: meterName(target.unit) }) : ""}
      confirm={t("budgets.remove.confirm")}
      busy={remove.isPending}
      error={remove.error}
    />
  );
};

/** What may be used at most, and by whom. */
export const BudgetsPage = () => {
  const { t } = useTranslation("billing");
  const budgets = useQuery({ ...budgetsQuery(useOrg()), enabled: useCan("money") });
  const [shown, setShown] = useState<{ budget?: Budget }>();
  const [removed, setRemoved] = useState<Budget>();
  const [opening, setOpening] = useState(0);
  const open = (budget?: Budget) => {
    setOpening(opening + 1);
    setShown(budget ? { budget } : {});
  };
  const add = <Button onClick={() => open()}>{t("budgets.add")}</Button>;
  const filled = (budgets.data?.data.length ?? 0) > 0;
  return (
    <BillingFrame title={t("budgets.title")} lead={t("budgets.lead")} action={filled ? add : null}>
      <QueryView query={budgets}>
        {({ data }) =>
          data.length === 0 ? (
            <EmptyState
              title={t("budgets.empty.title")}
              text={t("budgets.empty.text")}
              action={add}
            />
          ) : (
            <BudgetList budgets={data} onChange={open} onRemove={setRemoved} />
          )
        }
      </QueryView>
      <BudgetDialog
        key={opening}
        opened={shown !== undefined}
        budget={shown?.budget}
        onClose={() => setShown(undefined)}
      />
      <Remove target={removed} onClose={() => setRemoved(undefined)} />
    </BillingFrame>
  );
};
