/** One step of an account flow: call, put errors on fields, go where the answer leads. */
import type { UseFormReturnType } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { meQuery } from "@/api/account";
import type { AuthState } from "@/api/allauth";
import { isApiError } from "@/api/errors";

type Values = Record<string, string>;

export const useAuthStep = <V extends Values>(
  form: UseFormReturnType<V>,
  step: (values: V) => Promise<AuthState>,
  next?: string,
) => {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: step,
    onSuccess: async (state) => {
      if (state.pending === "verify_email") return navigate({ to: "/verify-email" });
      if (state.pending) return undefined;
      if (!state.authenticated) return navigate({ to: "/login" });
      await client.invalidateQueries({ queryKey: meQuery.queryKey, refetchType: "all" });
      client.removeQueries({ queryKey: meQuery.queryKey });
      return navigate({ to: next ?? "/o" });
    },
    onError: (error) => {
      if (isApiError(error)) form.setErrors(error.fields);
    },
  });
};
