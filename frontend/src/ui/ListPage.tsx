import type { UseInfiniteQueryResult, UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { type Column, DataTable } from "./DataTable";
import { EmptyState } from "./EmptyState";
import { OlderButton } from "./OlderButton";
import { PageHeader } from "./PageHeader";
import { QueryView } from "./QueryView";

type Props<T> = {
  title: string;
  lead: string;
  /** One that is read page by page goes on at the list's end. */
  query: UseQueryResult<{ data: T[] }> | UseInfiniteQueryResult<{ data: T[] }>;
  columns: readonly Column<T>[];
  /** What makes a new one: above the list, or in the middle while there is none. */
  action: ReactNode;
  empty: { title: string; text: string; preview: ReactNode; more?: ReactNode };
};

/** A page that is one list: waiting, failed, empty or filled. */
export const ListPage = <T extends { id: string }>({
  title,
  lead,
  query,
  columns,
  action,
  empty: { more, ...words },
}: Props<T>) => {
  const filled = (query.data?.data.length ?? 0) > 0;
  return (
    <>
      <PageHeader title={title} lead={lead} action={filled ? action : null} />
      <QueryView query={query}>
        {({ data }) =>
          data.length === 0 ? (
            <EmptyState
              {...words}
              action={
                <>
                  {action}
                  {more}
                </>
              }
            />
          ) : (
            <>
              <DataTable caption={title} columns={columns} rows={data} rowKey={(row) => row.id} />
              {"hasNextPage" in query ? <OlderButton query={query} /> : null}
            </>
          )
        }
      </QueryView>
    </>
  );
};
