/** Begins a checkout and goes to its page, which is the provider's or, in Demo billing, ours. */
import { checkoutStart } from "@/api/payments";
import type { CheckoutDraft } from "@/api/types";
import { useOnce } from "@/lib/useOnce";
import { useOrg } from "@/lib/useOrg";

export const useCheckout = () => {
  const org = useOrg();
  const begin = useOnce({
    mutationFn: (draft: CheckoutDraft) => checkoutStart(org, draft),
    onSuccess: ({ url }) => {
      if (url) window.location.assign(url);
    },
  });
  return {
    go: (wanted: Omit<CheckoutDraft, "return_path">) =>
      begin.mutate({ ...wanted, return_path: `/o/${org.slug}/billing/checkout` }),
    // until the other page is there
    busy: begin.isPending || begin.isSuccess,
    error: begin.error,
    reset: begin.reset,
  };
};
