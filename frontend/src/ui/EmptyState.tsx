import { Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./EmptyState.module.css";

type Props = {
  title: string;
  text: string;
  action: ReactNode;
  /** What the list will look like, or the call that fills it. */
  preview?: ReactNode;
};

/** An empty list teaches: what it is for, the one thing to do, and a glimpse of the result. */
export const EmptyState = ({ title, text, action, preview }: Props) => (
  <div className={classes.empty}>
    <div className={classes.words}>
      <Title order={2}>{title}</Title>
      <Text c="dimmed">{text}</Text>
      <div className={classes.action}>{action}</div>
    </div>
    {preview ? (
      <div className={classes.preview} aria-hidden="true">
        {preview}
      </div>
    ) : null}
  </div>
);
