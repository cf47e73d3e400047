import { Button, Group } from "@mantine/core";
import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ErrorBox } from "@/ui/ErrorBox";
import { QueryView } from "@/ui/QueryView";

type Props<T> = {
  query: UseInfiniteQueryResult<InfiniteData<{ data: T[] }>>;
  /** Instead of a list without rows. */
  empty: ReactNode;
  children: (rows: T[]) => ReactNode;
};

/** A list that grows downwards, a page at a time. */
export const Paged = <T,>({ query, empty, children }: Props<T>) => {
  const { t } = useTranslation("billing");
  return (
    <QueryView query={query}>
      {({ pages }) => {
        const rows = pages.flatMap(({ data }) => data);
        if (rows.length === 0) return empty;
        return (
          <>
            {children(rows)}
            {query.isFetchNextPageError ? <ErrorBox error={query.error} /> : null}
            {query.hasNextPage ? (
              <Group mt="sm">
                <Button
                  variant="default"
                  size="xs"
                  loading={query.isFetchingNextPage}
                  onClick={() => void query.fetchNextPage()}
                >
                  {t("older")}
                </Button>
              </Group>
            ) : null}
          </>
        );
      }}
    </QueryView>
  );
};
