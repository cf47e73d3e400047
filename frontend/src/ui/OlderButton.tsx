import { Button } from "@mantine/core";
import type { UseInfiniteQueryResult } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { ErrorBox } from "./ErrorBox";

/** Goes on at the end of a list that is read page by page. */
export const OlderButton = ({ query }: { query: UseInfiniteQueryResult }) => {
  const { t } = useTranslation();
  if (!query.hasNextPage) return null;
  return (
    <>
      {query.isFetchNextPageError ? <ErrorBox error={query.error} /> : null}
      <Button
        variant="default"
        mt="sm"
        loading={query.isFetchingNextPage}
        onClick={() => void query.fetchNextPage()}
      >
        {t("older")}
      </Button>
    </>
  );
};
