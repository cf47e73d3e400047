import { Button, Group, SegmentedControl, Stack, Text, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { type FormEvent, type KeyboardEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { classify } from "@/api/classify";
import { isComposing } from "@/lib/keyboard";
import { classifySnippets, SHIPPED_MODEL } from "@/lib/snippets";
import { useOrg } from "@/lib/useOrg";
import { CodeTabs } from "@/ui/CodeTabs";
import { ErrorBox } from "@/ui/ErrorBox";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { ModelPicker } from "./ModelPicker";
import classes from "./PlaygroundPage.module.css";
import { Results } from "./Results";

type Mode = "single" | "lines";

const LINES_ALLOWED = 1000;

const linesOf = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean)
    .slice(0, LINES_ALLOWED);

/** Calls the public API as a customer's program would, with a key that lives an hour. */
export const PlaygroundPage = () => {
  const { t } = useTranslation("playground");
  const org = useOrg();
  const client = useQueryClient();
  const search = useSearch({ from: "/o/$org" });
  const [mode, setMode] = useState<Mode>("single");
  const [model, setModel] = useState(search.model ?? SHIPPED_MODEL);
  const [text, setText] = useState("");
  const run = useMutation({
    mutationFn: (input: string | string[]) => classify(org, { model, input }),
    onSuccess: () =>
      Promise.all(
        ["balance", "usage", "home"].map((name) =>
          client.invalidateQueries({ queryKey: [org.id, name] }),
        ),
      ),
  });
  const input = mode === "single" ? text.trim() : linesOf(text);
  const empty = input.length === 0;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!empty) run.mutate(input);
  };
  const onKey = (event: KeyboardEvent) => {
    const wanted = mode === "single" ? !event.shiftKey : event.metaKey || event.ctrlKey;
    if (event.key !== "Enter" || !wanted || isComposing(event)) return;
    submit(event);
  };
  const example = empty ? t("example") : input;
  return (
    <>
      <PageHeader title={t("title")} lead={t("lead")} />
      <div className={classes.grid}>
        <Panel title={t("input")}>
          <form onSubmit={submit}>
            <Stack>
              <ModelPicker value={model} onChange={setModel} />
              <SegmentedControl
                aria-label={t("mode.label")}
                value={mode}
                onChange={(value) => setMode(value as Mode)}
                data={[
                  { value: "single", label: t("mode.single") },
                  { value: "lines", label: t("mode.lines") },
                ]}
              />
              <Textarea
                label={mode === "single" ? t("text") : t("lines")}
                description={mode === "single" ? undefined : t("linesHelp")}
                placeholder={t("placeholder")}
                autosize
                minRows={mode === "single" ? 4 : 8}
                maxRows={18}
                value={text}
                onChange={(event) => setText(event.currentTarget.value)}
                onKeyDown={onKey}
              />
              <Group justify="space-between">
                <Text size="sm" c="dimmed">
                  {t("cost", { count: mode === "single" ? 1 : Math.max(1, input.length) })}
                </Text>
                <Button type="submit" loading={run.isPending} disabled={empty}>
                  {t("run")}
                </Button>
              </Group>
            </Stack>
          </form>
        </Panel>
        <Panel title={t("result")}>
          <div aria-live="polite">
            <ErrorBox error={run.error} />
            {run.data ? (
              <Results result={run.data} input={run.variables} />
            ) : run.isError ? null : (
              <Text c="dimmed" size="sm">
                {t("resultEmpty")}
              </Text>
            )}
          </div>
        </Panel>
      </div>
      <div className={classes.code}>
        <Panel title={t("code")}>
          <CodeTabs
            snippets={classifySnippets({ baseUrl: location.origin, model, input: example })}
          />
        </Panel>
      </div>
    </>
  );
};
