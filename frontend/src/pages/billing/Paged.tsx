import type { UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { OlderButton } from "@/ui/OlderButton";
import { QueryView } from "@/ui/QueryView";

type Props<T> = {
  query: UseInfiniteQueryResult<{ data: T[] }>;
  /** Instead of a list without rows. */
  empty: ReactNode;
  children: (rows: T[]) => ReactNode;
};

/** A list that grows downwards, a page at a time. */
export const Paged = <T,>({ query, empty, children }: Props<T>) => (
  <QueryView query={query}>
    {({ data }) =>
      data.length === 0 ? (
        empty
      ) : (
        <>
          {children(data)}
          <OlderButton query={query} />
        </>
      )
    }
  </QueryView>
);
