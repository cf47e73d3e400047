import { Text } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./Stat.module.css";

type Item = { label: string; value: ReactNode; hint?: ReactNode };

/** A row of figures under one hairline. */
export const Stats = ({ items }: { items: readonly Item[] }) => (
  <dl className={classes.stats}>
    {items.map((item) => (
      <div key={item.label} className={classes.stat}>
        <dt className={classes.label}>{item.label}</dt>
        <dd className={classes.value}>
          {item.value}
          {item.hint ? (
            <Text span size="sm" c="dimmed" display="block" fw={400}>
              {item.hint}
            </Text>
          ) : null}
        </dd>
      </div>
    ))}
  </dl>
);
