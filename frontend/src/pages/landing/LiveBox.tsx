import { Button, Text, Textarea, UnstyledButton } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import type { KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";
import { classifyTrial, type Timed } from "@/api/classify";
import { isComposing } from "@/lib/keyboard";
import { useFormat } from "@/lib/useFormat";
import { ErrorBox } from "@/ui/ErrorBox";
import { ProbabilityBars } from "@/ui/ProbabilityBars";
import { EXAMPLES } from "./examples";
import classes from "./LiveBox.module.css";

const Outcome = ({ result }: { result: Timed }) => {
  const { t } = useTranslation("landing");
  const format = useFormat();
  const [item] = result.answer.data;
  if (!item) return null;
  return (
    <div className={classes.outcome} data-testid="trial-result">
      <ProbabilityBars scores={item.scores} label={item.label} caption={t("box.bars")} />
      <div className={classes.foot}>
        <Text size="sm" c="dimmed">
          {t("box.took", { time: format.milliseconds(result.milliseconds) })}
        </Text>
        <a href="#code">{t("box.code")}</a>
      </div>
    </div>
  );
};

type Props = { text: string; onText: (text: string) => void };

/** The real model, before any sign-up. */
export const LiveBox = ({ text, onText }: Props) => {
  const { t } = useTranslation("landing");
  const trial = useMutation({ mutationFn: classifyTrial });
  const run = (value: string) => {
    if (value.trim()) trial.mutate(value.trim());
  };
  const pick = (example: string) => {
    onText(example);
    run(example);
  };
  const onKey = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    run(text);
  };
  return (
    <section className={classes.box} aria-labelledby="try">
      <div className={classes.stack}>
        <h2 id="try" className={classes.title}>
          {t("box.title")}
        </h2>
        <Textarea
          label={t("box.label")}
          description={t("box.languages")}
          placeholder={t("box.placeholder")}
          lang="en"
          autosize
          minRows={3}
          maxRows={8}
          maxLength={5000}
          value={text}
          onChange={(event) => onText(event.currentTarget.value)}
          onKeyDown={onKey}
        />
        <ul className={classes.chips} aria-label={t("box.examples")}>
          {EXAMPLES.map((example) => (
            <li key={example}>
              <UnstyledButton lang="en" className={classes.chip} onClick={() => pick(example)}>
                {example}
              </UnstyledButton>
            </li>
          ))}
        </ul>
        <Button
          onClick={() => run(text)}
          loading={trial.isPending}
          disabled={!text.trim()}
          fullWidth
        >
          {t("box.run")}
        </Button>
      </div>
      <div aria-live="polite">
        {trial.isError ? (
          <div className={classes.outcome}>
            <ErrorBox error={trial.error} />
          </div>
        ) : null}
        {trial.data ? <Outcome result={trial.data} /> : null}
      </div>
    </section>
  );
};
