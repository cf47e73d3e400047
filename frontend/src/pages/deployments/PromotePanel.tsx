import { Button, Group, Select } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { isApiError } from "@/api/errors";
import type { Deployment } from "@/api/types";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { ErrorBox } from "@/ui/ErrorBox";
import { Panel } from "@/ui/Panel";
import { type DeploymentChange, faultOf, isUnderWay } from "./useDeploymentChange";
import { useOtherModels } from "./useOtherModels";

type Props = { row: Deployment; change: DeploymentChange };

const differs = (change: DeploymentChange): boolean =>
  change.variables?.action === "promote" &&
  isApiError(change.error) &&
  change.error.code === "labels_differ";

/** Asks again where programs would get other labels than they know. */
export const LabelsDiffer = ({ change }: { change: DeploymentChange }) => {
  const { t } = useTranslation("deployments");
  const asked = change.variables?.action === "promote" ? change.variables : undefined;
  return (
    <ConfirmDialog
      opened={differs(change)}
      onClose={change.reset}
      onConfirm={() => asked && change.mutate({ ...asked, force: true })}
      title={t("force.title")}
      text={change.error?.message ?? ""}
      confirm={t("force.confirm")}
      busy={change.isPending}
    />
  );
};

export const PromotePanel = ({ row, change }: Props) => {
  const { t } = useTranslation("deployments");
  const [model, setModel] = useState<string | null>(null);
  const choices = useOtherModels(row.model);
  return (
    <Panel title={t("promote.title")}>
      <ErrorBox error={differs(change) ? null : faultOf(change, "promote")} />
      <Group align="flex-end">
        <Select
          flex={1}
          miw={220}
          label={t("promote.model")}
          data={choices}
          value={model}
          onChange={setModel}
          searchable
          nothingFoundMessage={t("promote.none")}
        />
        <Button
          disabled={!model}
          loading={isUnderWay(change, "promote")}
          onClick={() => model && change.mutate({ action: "promote", model })}
        >
          {t("promote.submit")}
        </Button>
      </Group>
    </Panel>
  );
};
