import { Button, Group, NumberInput, Select, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Deployment } from "@/api/types";
import { useCan } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { Panel } from "@/ui/Panel";
import { ComparisonTable } from "./ComparisonTable";
import { type DeploymentChange, faultOf, isUnderWay } from "./useDeploymentChange";
import { useOtherModels } from "./useOtherModels";

const MOST = 100;
const USUAL = 20;

type Props = { row: Deployment; change: DeploymentChange };

const Begin = ({ row, change }: Props) => {
  const { t } = useTranslation("deployments");
  const [model, setModel] = useState<string | null>(null);
  const [percent, setPercent] = useState<number | string>(USUAL);
  const choices = useOtherModels(row.model);
  const share = Number(percent);
  return (
    <Group align="flex-end">
      <Select
        flex={1}
        miw={220}
        label={t("shadow.model")}
        data={choices}
        value={model}
        onChange={setModel}
        searchable
        nothingFoundMessage={t("promote.none")}
      />
      <NumberInput
        w={180}
        label={t("shadow.percent")}
        min={1}
        max={MOST}
        allowDecimal={false}
        value={percent}
        onChange={setPercent}
      />
      <Button
        disabled={!model || share < 1 || share > MOST}
        loading={isUnderWay(change, "shadow")}
        onClick={() =>
          model && change.mutate({ action: "shadow", shadow: { model, percent: share } })
        }
      >
        {t("shadow.begin")}
      </Button>
    </Group>
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
