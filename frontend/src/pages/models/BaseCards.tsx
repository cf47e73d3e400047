import { Group, SimpleGrid, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Model } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { StatusBadge } from "@/ui/StatusBadge";
import classes from "./Models.module.css";

const MILLION = 1e6;

/** What can be fine-tuned. The facts are the catalogue's. */
export const BaseCards = ({ models }: { models: readonly Model[] }) => {
  const { t } = useTranslation("models");
  const format = useFormat();
  const facts = (model: Model): string =>
    [
      model.architecture,
      model.size_parameters
        ? t("parameters", { millions: format.number(model.size_parameters / MILLION) })
        : undefined,
      model.languages?.join(", "),
      model.licence,
    ]
      .filter(Boolean)
      .join(" · ");
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} mb="sm">
      {models.map((model) => (
        <article key={model.id} className={classes.card}>
          <Group justify="space-between" wrap="nowrap">
            <Text fw={600}>{model.name ?? model.id}</Text>
            <StatusBadge status={model.present === false ? "absent" : "ready"} />
          </Group>
          <Text size="sm" c="dimmed" mt={4}>
            {model.summary}
          </Text>
          <Text size="sm" c="dimmed" mt={4}>
            {facts(model)}
          </Text>
        </article>
      ))}
    </SimpleGrid>
  );
};
