import { Title } from "@mantine/core";
import { type ReactNode, useId } from "react";
import classes from "./Panel.module.css";

type Props = {
  title?: string | undefined;
  aside?: ReactNode;
  children: ReactNode;
  flush?: boolean;
};

/** A quiet card with an optional heading; the heading names the region. */
export const Panel = ({ title, aside, children, flush = false }: Props) => {
  const id = useId();
  return (
    <section className={classes.panel} aria-labelledby={title ? id : undefined}>
      {title ? (
        <div className={classes.head}>
          <Title order={2} size="h3" id={id}>
            {title}
          </Title>
          {aside}
        </div>
      ) : null}
      <div className={flush ? classes.flush : classes.body}>{children}</div>
    </section>
  );
};
