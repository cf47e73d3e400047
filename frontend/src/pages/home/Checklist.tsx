import { Text } from "@mantine/core";
import { IconCircleCheckFilled, IconCircleDashed } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { HomeStep } from "@/api/types";
import { useOrg } from "@/lib/useOrg";
import { LinkButton } from "@/ui/links";
import { Panel } from "@/ui/Panel";
import { TemperBar } from "@/ui/TemperBar";
import classes from "./Checklist.module.css";
import { stepTarget, stepText } from "./steps";

type RowProps = { step: HomeStep; current: boolean };

const Row = ({ step, current }: RowProps) => {
  const { t } = useTranslation("home");
  const org = useOrg();
  const id = stepText(step.id);
  const Icon = step.done ? IconCircleCheckFilled : IconCircleDashed;
  return (
    <li
      className={classes.row}
      data-done={step.done || undefined}
      data-current={current || undefined}
    >
      <Icon
        size={22}
        className={classes.icon}
        role="img"
        aria-label={step.done ? t("done") : t("open")}
      />
      <div className={classes.words}>
        <Text fw={600}>{t(`steps.${id}.title`)}</Text>
        <Text size="sm" c="dimmed">
          {t(`steps.${id}.text`)}
        </Text>
      </div>
      {step.done ? null : (
        <LinkButton
          to={stepTarget(step.id).replace("$org", org.slug)}
          variant={current ? "filled" : "subtle"}
          size="sm"
          className={classes.action}
        >
          {t(`steps.${id}.action`)}
        </LinkButton>
      )}
    </li>
  );
};

/** Computed by the server from facts; nothing here can be ticked by hand. */
export const Checklist = ({ steps }: { steps: readonly HomeStep[] }) => {
  const { t } = useTranslation("home");
  const done = steps.filter((step) => step.done).length;
  const next = steps.find((step) => !step.done);
  const progress = t("progress", { done, all: steps.length });
  return (
    <Panel
      title={t("checklist")}
      aside={
        <Text size="sm" c="dimmed">
          {progress}
        </Text>
      }
    >
      <TemperBar value={done / Math.max(1, steps.length)} label={progress} />
      <ol className={classes.list}>
        {steps.map((step) => (
          <Row key={step.id} step={step} current={step === next} />
        ))}
      </ol>
    </Panel>
  );
};
