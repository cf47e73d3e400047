import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ErrorBox } from "./ErrorBox";
import { Loading } from "./Loading";

type Query<T> = Pick<UseQueryResult<T>, "data" | "isError" | "error"> & {
  refetch: () => unknown;
};
type Props<T> = { query: Query<T>; children: (data: T) => ReactNode };

/** Waiting, failed or there: the three states every list has. */
export const QueryView = <T,>({ query, children }: Props<T>) => {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.isError) return <ErrorBox error={query.error} onRetry={() => void query.refetch()} />;
  return <Loading />;
};
