import {
  Button,
  Checkbox,
  Group,
  NumberInput,
  SimpleGrid,
  Stack,
  Switch,
  Text,
  Textarea,
} from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { predictionLogQuery, predictionLogSet } from "@/api/predictions";
import type { PredictionLog } from "@/api/types";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { draftOf, KINDS, type LogValues, valuesOf } from "./logForm";

const MOST_PERCENT = 100;
const MOST_DAYS = 365;

type Props = { deployment: string; log: PredictionLog };

/** What is to be kept, for how long, and what is hidden. */
export const LogForm = ({ deployment, log }: Props) => {
  const { t } = useTranslation("predictions");
  const org = useOrg();
  const client = useQueryClient();
  const form = useForm<LogValues>({ initialValues: valuesOf(log) });
  const save = useMutation({
    mutationFn: (values: LogValues) => predictionLogSet(org, deployment, draftOf(values)),
    onSuccess: (changed) => {
      client.setQueryData(predictionLogQuery(org, deployment).queryKey, changed);
      form.resetDirty();
    },
  });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack>
        <Switch label={t("enabled")} {...form.getInputProps("enabled", { type: "checkbox" })} />
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <NumberInput
            label={t("percent")}
            min={1}
            max={MOST_PERCENT}
            allowDecimal={false}
            required
            {...form.getInputProps("percent")}
          />
          <NumberInput
            label={t("days")}
            description={t("daysHelp")}
            min={1}
            max={MOST_DAYS}
            allowDecimal={false}
            required
            {...form.getInputProps("days")}
          />
        </SimpleGrid>
        <Checkbox
          label={t("texts")}
          description={t("textsHelp")}
          {...form.getInputProps("texts", { type: "checkbox" })}
        />
        {form.values.texts ? (
          <>
            <Checkbox.Group label={t("redact")} {...form.getInputProps("redact")}>
              <Group mt="xs">
                {KINDS.map((kind) => (
                  <Checkbox key={kind} value={kind} label={t(`kinds.${kind}`)} />
                ))}
              </Group>
            </Checkbox.Group>
            <Textarea
              label={t("words")}
              description={t("wordsHelp")}
              autosize
              minRows={2}
              {...form.getInputProps("words")}
            />
          </>
        ) : null}
        <ErrorBox error={save.error} />
        <Group>
          <Button type="submit" disabled={!form.isDirty()} loading={save.isPending}>
            {t("save")}
          </Button>
          {save.isSuccess && !form.isDirty() ? <Text size="sm">{t("saved")}</Text> : null}
        </Group>
      </Stack>
    </form>
  );
};
