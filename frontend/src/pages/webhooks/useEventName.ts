/** A sentence for an event type: the reader's language if it is known here, else the server's. */
import { useCallback } from "react";
import { useKnown } from "@/lib/useKnown";

export const useEventName = () => {
  const known = useKnown("webhooks");
  // A dot would be a path into the texts.
  return useCallback(
    (type: string, fallback = type): string =>
      known("eventNames", type.replaceAll(".", "_")) ?? fallback,
    [known],
  );
};
