import { Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode } from "react";
import { LogoMark } from "@/ui/Logo";
import classes from "./Message.module.css";

type Props = { title: string; text: string; children: ReactNode };

/** A page that has one thing to say and one way on. */
export const Message = ({ title, text, children }: Props) => {
  useDocumentTitle(`${title} · Anneal`);
  return (
    <main id="main" tabIndex={-1} className={classes.page}>
      <Stack align="flex-start" gap="md" className={classes.words}>
        <LogoMark size={40} />
        <Title order={1}>{title}</Title>
        <Text c="dimmed">{text}</Text>
        {children}
      </Stack>
    </main>
  );
};
