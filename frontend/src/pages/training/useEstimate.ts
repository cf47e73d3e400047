import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { estimateQuery } from "@/api/training";
import type { JobCreate } from "@/api/types";
import { useOrg } from "@/lib/useOrg";

const DEBOUNCE_MS = 400;

/** What a job would cost, once the form has been still for a moment; asked once for all who show it. */
export const useEstimate = (body: JobCreate | undefined) => {
  const [settled] = useDebouncedValue(body, DEBOUNCE_MS);
  return useQuery(estimateQuery(useOrg(), settled));
};
