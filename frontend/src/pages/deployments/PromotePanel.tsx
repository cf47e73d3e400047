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

/** What was refused since programs would get other labels; undefined when nothing was. */
const guardedOf = (change: DeploymentChange) => {
  const asked = change.variables;
  const guarded = asked?.action === "promote" || asked?.action === "canary";
  const differs = isApiError(change.error) && change.error.code === "labels_differ";
  return guarded && differs ? asked : undefined;
};

/** The fault of a guarded change, unless it is one that is asked about. */
export const unguardedOf = (change: DeploymentChange, action: "promote" | "canary"): unknown =>
  guardedOf(change) ? null : faultOf(change, action);

/** Asks again where programs would get other labels than they know. */
export const LabelsDiffer = ({ change }: { change: DeploymentChange }) => {
  const { t } = useTranslation("deployments");
  const asked = guardedOf(change);
  return (
    <ConfirmDialog
      opened={asked !== undefined}
      onClose={change.reset}
      onConfirm={() => asked && change.mutate({ ...asked, force: true })}
      title={t("force.title")}
      text={change.error?.message ?? ""}
      confirm={t(asked?.action === "canary" ? "force.canary" : "force.confirm")}
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
      <ErrorBox error={unguardedOf(change, "promote")} />
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
