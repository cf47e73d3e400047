import {
  Button,
  Group,
  NumberInput,
  SimpleGrid,
  Stack,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useForm } from "@mantine/form";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { modelsQuery } from "@/api/models";
import type { Deployment } from "@/api/types";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { Panel } from "@/ui/Panel";
import { namesOf, type OutputValues, outputOf, valuesOf } from "./outputForm";
import { type DeploymentChange, faultOf, isUnderWay } from "./useDeploymentChange";

const LABELS_NAMED = 12;
const STEP = 0.05;

const useLabels = (name: string): string => {
  const models = useQuery(modelsQuery(useOrg()));
  const labels = models.data?.find((one) => one.id === name)?.labels ?? [];
  return labels.slice(0, LABELS_NAMED).join(", ") + (labels.length > LABELS_NAMED ? " …" : "");
};

type Props = { row: Deployment; change: DeploymentChange };

/** Names and defaults of the answers. */
export const OutputPanel = ({ row, change }: Props) => {
  const { t } = useTranslation("deployments");
  const labels = useLabels(row.model);
  const rule = (value: string) => (namesOf(value) ? null : t("output.lineRule"));
  const form = useForm<OutputValues>({
    initialValues: valuesOf(row.output),
    validate: { labels: rule, fields: rule },
  });
  const saved = change.isSuccess && change.variables?.action === "output" && !form.isDirty();
  const submit = (values: OutputValues) =>
    change.mutate(
      { action: "output", output: outputOf(values) },
      { onSuccess: () => form.resetDirty() },
    );
  return (
    <Panel title={t("output.title")}>
      <form onSubmit={form.onSubmit(submit)}>
        <Stack>
          <Text size="sm" c="dimmed">
            {t("output.lead")}
          </Text>
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            <Textarea
              label={t("output.labels")}
              description={t("output.labelsHelp", { labels })}
              autosize
              minRows={2}
              {...form.getInputProps("labels")}
            />
            <Textarea
              label={t("output.fields")}
              description={t("output.fieldsHelp")}
              autosize
              minRows={2}
              {...form.getInputProps("fields")}
            />
          </SimpleGrid>
          <SimpleGrid cols={{ base: 1, sm: 3 }}>
            <NumberInput
              label={t("output.threshold")}
              description={t("output.thresholdHelp")}
              min={0}
              max={1}
              step={STEP}
              {...form.getInputProps("threshold")}
            />
            <TextInput
              label={t("output.abstain")}
              description={t("output.abstainHelp")}
              {...form.getInputProps("abstain")}
            />
            <NumberInput
              label={t("output.topK")}
              description={t("output.topKHelp")}
              min={1}
              allowDecimal={false}
              {...form.getInputProps("topK")}
            />
          </SimpleGrid>
          <ErrorBox error={faultOf(change, "output")} />
          <Group>
            <Button type="submit" disabled={!form.isDirty()} loading={isUnderWay(change, "output")}>
              {t("output.save")}
            </Button>
            {saved ? <Text size="sm">{t("output.saved")}</Text> : null}
          </Group>
        </Stack>
      </form>
    </Panel>
  );
};
