/** Lists that are read page by page: where the next page begins, and all pages as one list. */
type Page<T> = { data: T[]; has_more: boolean };

export const nextAfter = <T extends { id: string }>({ data, has_more }: Page<T>) =>
  has_more ? data.at(-1)?.id : undefined;

export const pagesJoined = <T>({ pages }: { pages: readonly Page<T>[] }) => ({
  data: pages.flatMap(({ data }) => data),
});
