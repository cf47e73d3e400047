import { Modal } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { budgetSet } from "@/api/billing";
import type { Budget, BudgetDraft } from "@/api/types";
import { useOrg } from "@/lib/useOrg";
import { BudgetForm } from "./BudgetForm";

type Props = {
  opened: boolean;
  /** The budget to change; without it a new one is set. */
  budget: Budget | undefined;
  onClose: () => void;
};

export const BudgetDialog = ({ opened, budget, onClose }: Props) => {
  const { t } = useTranslation(["billing", "common"]);
  const org = useOrg();
  const client = useQueryClient();
  const set = useMutation({
    mutationFn: (draft: BudgetDraft) => budgetSet(org, draft),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: [org.id, "budgets"] });
      onClose();
    },
  });
  const close = () => {
    set.reset();
    onClose();
  };
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={budget ? t("budgets.form.changeTitle") : t("budgets.form.title")}
      centered
      closeButtonProps={{ "aria-label": t("common:close") }}
    >
      <BudgetForm
        budget={budget}
        busy={set.isPending}
        error={set.error}
        onSubmit={(draft) => set.mutate(draft)}
      />
    </Modal>
  );
};
