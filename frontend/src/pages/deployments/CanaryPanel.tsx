import { Button, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Deployment } from "@/api/types";
import { useCan } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { Panel } from "@/ui/Panel";
import { ModelShareForm } from "./ModelShareForm";
import { unguardedOf } from "./PromotePanel";
import { type DeploymentChange, faultOf, isUnderWay } from "./useDeploymentChange";

const MOST = 99;
const USUAL = 10;

type Props = { row: Deployment; change: DeploymentChange };

const Running = ({ row, change }: Props) => {
  const { t } = useTranslation("deployments");
  const { canary } = row;
  const allowed = useCan("deploy");
  if (!canary) return null;
  return (
    <>
      <Text>{t("canary.running", canary)}</Text>
      {allowed ? (
        <Group gap="sm">
          <Button
            loading={isUnderWay(change, "promote")}
            onClick={() => change.mutate({ action: "promote", model: canary.model })}
          >
            {t("canary.promote")}
          </Button>
          <Button
            variant="default"
            loading={isUnderWay(change, "canaryEnd")}
            onClick={() => change.mutate({ action: "canaryEnd", model: row.model })}
          >
            {t("canary.end")}
          </Button>
        </Group>
      ) : null}
    </>
  );
};

/** A second model that answers a share of the calls. */
export const CanaryPanel = ({ row, change }: Props) => {
  const { t } = useTranslation("deployments");
  const allowed = useCan("deploy");
  const { canary } = row;
  if (!allowed && !canary) return null;
  return (
    <Panel title={t("canary.title")}>
      <Stack>
        <Text size="sm" c="dimmed">
          {t("canary.lead")}
        </Text>
        <ErrorBox error={unguardedOf(change, "canary") ?? faultOf(change, "canaryEnd")} />
        <Running row={row} change={change} />
        {allowed ? (
          <ModelShareForm
            key={`${canary?.model} ${canary?.percent}`}
            main={row.model}
            now={canary}
            usual={USUAL}
            most={MOST}
            labels={{
              model: t("canary.model"),
              percent: t("canary.percent"),
              none: t("promote.none"),
              submit: t(canary ? "canary.change" : "canary.begin"),
            }}
            busy={isUnderWay(change, "canary")}
            onSubmit={(share) => change.mutate({ action: "canary", canary: share })}
          />
        ) : null}
      </Stack>
    </Panel>
  );
};
