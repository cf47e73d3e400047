import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Prediction } from "@/api/types";
import { useFigure } from "@/lib/useFigure";
import { useFormat } from "@/lib/useFormat";
import { CodeBlock } from "@/ui/CodeBlock";
import { Entities } from "@/ui/Entities";
import { ProbabilityBars } from "@/ui/ProbabilityBars";
import classes from "./PlaygroundPage.module.css";

type Props = { item: Prediction; text: string };

/** A deployment may call the fields otherwise: then the answer is shown as it came. */
const renamed = (item: Prediction): boolean =>
  !("entities" in item || "value" in item) &&
  !("scores" in item && ("labels" in item || ("label" in item && "score" in item)));

/** One answer with all that it says; its shape tells the task. */
export const Answer = (props: Props) => {
  const { t } = useTranslation("playground");
  const rule = "rule" in props.item ? props.item.rule : undefined;
  if (renamed(props.item)) {
    return <CodeBlock code={JSON.stringify(props.item, null, 2)} label={t("result")} />;
  }
  return (
    <>
      <Plain {...props} />
      {rule ? (
        <Text size="sm" c="dimmed" mt="sm">
          {t("byRule", { rule })}
        </Text>
      ) : null}
    </>
  );
};

const Plain = ({ item, text }: Props) => {
  const { t } = useTranslation("playground");
  const figure = useFigure();
  if ("entities" in item) {
    return (
      <>
        <Entities text={text} spans={item.entities} />
        {item.entities.length === 0 ? (
          <Text size="sm" c="dimmed" mt="sm">
            {t("noEntities")}
          </Text>
        ) : null}
      </>
    );
  }
  if ("value" in item) {
    return (
      <Text className="tabular" fz="2.2rem" fw={600} aria-label={t("value")}>
        {figure.text("value", item.value)}
      </Text>
    );
  }
  if ("labels" in item) {
    return (
      <>
        <Text fw={600} mb="sm">
          {item.labels.join(", ") || t("noLabels")}
        </Text>
        <ProbabilityBars scores={item.scores} label={item.labels} caption={t("bars")} />
      </>
    );
  }
  return <ProbabilityBars scores={item.scores} label={item.label} caption={t("bars")} />;
};

/** One answer among many, on a line. */
export const AnswerLine = ({ item, text }: Props) => {
  const { t } = useTranslation("playground");
  const format = useFormat();
  const figure = useFigure();
  if ("entities" in item) return <Entities text={text} spans={item.entities} />;
  const words = <span className={classes.text}>{text}</span>;
  if (renamed(item)) {
    return (
      <>
        {words}
        <code>{JSON.stringify(item)}</code>
      </>
    );
  }
  if ("value" in item) {
    return (
      <>
        {words}
        <Text span fw={600} className="tabular">
          {figure.text("value", item.value)}
        </Text>
      </>
    );
  }
  if ("labels" in item) {
    return (
      <>
        {words}
        <Text span fw={600}>
          {item.labels.join(", ") || t("noLabels")}
        </Text>
      </>
    );
  }
  return (
    <>
      {words}
      <Text span fw={600}>
        {item.label ?? t("unsure")}
      </Text>
      <span className="tabular">{format.percent(item.score)}</span>
    </>
  );
};
