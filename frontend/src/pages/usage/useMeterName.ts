/** Meters and currencies by their everyday names. */
import { useKnown } from "@/lib/useKnown";

export const useMeterName = () => {
  const known = useKnown("usage");
  return (meter: string): string => known("meters", meter) ?? meter;
};
