import { SimpleGrid } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { basesQuery } from "@/api/bases";
import type { Model } from "@/api/types";
import { useOrg } from "@/lib/useOrg";
import { QueryView } from "@/ui/QueryView";
import { BaseCard } from "../bases/BaseCard";

/** What can be fine-tuned. The facts are the catalogue's. */
export const BaseCards = ({ models }: { models: readonly Model[] }) => {
  const bases = useQuery(basesQuery(useOrg()));
  const listed = new Set(models.map(({ id }) => id));
  return (
    <QueryView query={bases}>
      {(data) => (
        <SimpleGrid cols={{ base: 1, sm: 2 }} mb="sm">
          {data
            .filter(({ id }) => listed.has(id))
            .map((base) => (
              <BaseCard key={base.id} base={base} />
            ))}
        </SimpleGrid>
      )}
    </QueryView>
  );
};
