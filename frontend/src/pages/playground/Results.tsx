import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Timed } from "@/api/classify";
import { useFormat } from "@/lib/useFormat";
import { ProbabilityBars } from "@/ui/ProbabilityBars";
import classes from "./PlaygroundPage.module.css";

type Props = { result: Timed; input: string | string[] };

export const Results = ({ result, input }: Props) => {
  const { t } = useTranslation("playground");
  const format = useFormat();
  const { data, usage } = result.answer;
  const texts = Array.isArray(input) ? input : [input];
  const [first] = data;
  return (
    <div data-testid="playground-result">
      {data.length === 1 && first ? (
        <ProbabilityBars scores={first.scores} label={first.label} caption={t("bars")} />
      ) : (
        <ol className={classes.answers}>
          {data.map((item) => (
            <li key={item.index} className={classes.answer}>
              <span className={classes.text}>{texts[item.index]}</span>
              <Text span fw={600}>
                {item.label ?? t("unsure")}
              </Text>
              <span className="tabular">{format.percent(item.score)}</span>
            </li>
          ))}
        </ol>
      )}
      <Text size="sm" c="dimmed" mt="md">
        {t("took", {
          time: format.milliseconds(result.milliseconds),
          count: usage.predictions,
          tokens: format.number(usage.tokens),
        })}
      </Text>
    </div>
  );
};
