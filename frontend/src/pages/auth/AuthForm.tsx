import { Button, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { FormEventHandler, ReactNode } from "react";
import { isApiError } from "@/api/errors";
import { ErrorBox } from "@/ui/ErrorBox";
import classes from "./Auth.module.css";

type Props = {
  title: string;
  lead?: ReactNode;
  submit: string;
  busy: boolean;
  error: unknown;
  onSubmit: FormEventHandler<HTMLFormElement>;
  children: ReactNode;
  foot?: ReactNode;
};

/** Errors that name a field stand at the field; the box is for the rest. */
const boxed = (error: unknown): unknown =>
  isApiError(error) && Object.keys(error.fields).length > 0 ? null : error;

export const AuthForm = (props: Props) => {
  useDocumentTitle(`${props.title} · Anneal`);
  return (
    <form onSubmit={props.onSubmit} noValidate>
      <Stack gap="md">
        <Title order={1}>{props.title}</Title>
        {props.lead ? (
          <Text c="dimmed" component="div">
            {props.lead}
          </Text>
        ) : null}
        {props.children}
        <ErrorBox error={boxed(props.error)} />
        <Button type="submit" loading={props.busy} fullWidth>
          {props.submit}
        </Button>
      </Stack>
      {props.foot ? <div className={classes.foot}>{props.foot}</div> : null}
    </form>
  );
};
