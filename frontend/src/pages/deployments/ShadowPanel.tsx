import { Button, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Deployment } from "@/api/types";
import { useCan } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { Panel } from "@/ui/Panel";
import { ComparisonTable } from "./ComparisonTable";
import { ModelShareForm } from "./ModelShareForm";
import { type DeploymentChange, faultOf, isUnderWay } from "./useDeploymentChange";

const MOST = 100;
const USUAL = 20;

type Props = { row: Deployment; change: DeploymentChange };

const Begin = ({ row, change }: Props) => {
  const { t } = useTranslation("deployments");
  return (
    <ModelShareForm
      main={row.model}
      now={null}
      usual={USUAL}
      most={MOST}
      labels={{
        model: t("shadow.model"),
        percent: t("shadow.percent"),
        none: t("promote.none"),
        submit: t("shadow.begin"),
      }}
      busy={isUnderWay(change, "shadow")}
      onSubmit={(shadow) => change.mutate({ action: "shadow", shadow })}
    />
  );
};

const Running = ({ row, change }: Props) => {
  const { t } = useTranslation("deployments");
  const { shadow } = row;
  const allowed = useCan("deploy");
  if (!shadow) return null;
  return (
    <Stack gap="sm">
      <Text>{t("shadow.running", shadow)}</Text>
      {allowed ? (
        <Group gap="sm">
          <Button
            loading={isUnderWay(change, "promote")}
            onClick={() => change.mutate({ action: "promote", model: shadow.model })}
          >
            {t("shadow.promote")}
          </Button>
          <Button
            variant="default"
            loading={isUnderWay(change, "shadowEnd")}
            onClick={() => change.mutate({ action: "shadowEnd" })}
          >
            {t("shadow.end")}
          </Button>
        </Group>
      ) : null}
    </Stack>
  );
};

/** A second model beside the one that answers, and what the two have shown. */
export const ShadowPanel = ({ row, change }: Props) => {
  const { t } = useTranslation("deployments");
  const allowed = useCan("deploy");
  const present = row.comparisons.find((one) => one.since_revision === row.compared_since);
  const earlier = row.comparisons.filter((one) => one !== present);
  const compared = row.shadow !== null || row.canary !== null;
  return (
    <Panel title={t("shadow.title")}>
      <Stack>
        <Text size="sm" c="dimmed">
          {t("shadow.lead")}
        </Text>
        <ErrorBox error={faultOf(change, "shadow", "shadowEnd")} />
        {row.shadow ? <Running row={row} change={change} /> : null}
        {!row.shadow && allowed ? <Begin row={row} change={change} /> : null}
        {present ? (
          <ComparisonTable
            comparison={present}
            title={t("compare.since", { revision: present.since_revision })}
          />
        ) : null}
        {compared && !present ? <Text size="sm">{t("shadow.none")}</Text> : null}
        {earlier.slice(0, 1).map((one) => (
          <ComparisonTable
            key={one.since_revision}
            comparison={one}
            title={t("compare.earlier", { revision: one.since_revision })}
          />
        ))}
      </Stack>
    </Panel>
  );
};
