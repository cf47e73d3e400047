import { Group, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode } from "react";
import classes from "./PageHeader.module.css";

type Props = {
  title: string;
  /** One sentence that says what the page is for. */
  lead?: ReactNode;
  /** At most one primary button. */
  action?: ReactNode;
  above?: ReactNode;
};

export const PageHeader = ({ title, lead, action, above }: Props) => {
  useDocumentTitle(`${title} · Anneal`);
  return (
    <header className={classes.header}>
      <div className={classes.words}>
        {above}
        <Title order={1}>{title}</Title>
        {lead ? (
          <Text c="dimmed" component="div" className={classes.lead}>
            {lead}
          </Text>
        ) : null}
      </div>
      {action ? <Group gap="sm">{action}</Group> : null}
    </header>
  );
};
