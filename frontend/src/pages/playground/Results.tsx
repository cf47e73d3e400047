import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Timed } from "@/api/classify";
import type { Predicted } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { Answer, AnswerLine } from "./Answer";
import classes from "./PlaygroundPage.module.css";

type Props = { result: Timed<Predicted>; input: string | string[] };

export const Results = ({ result, input }: Props) => {
  const { t } = useTranslation("playground");
  const format = useFormat();
  const { data, usage } = result.answer;
  const texts = Array.isArray(input) ? input : [input];
  const [first] = data;
  return (
    <div data-testid="playground-result">
      {data.length === 1 && first ? (
        <Answer item={first} text={texts[first.index] ?? ""} />
      ) : (
        <ol className={classes.answers}>
          {data.map((item) => (
            <li key={item.index} className={classes.answer}>
              <AnswerLine item={item} text={texts[item.index] ?? ""} />
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
