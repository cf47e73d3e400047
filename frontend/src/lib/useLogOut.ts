/** Ends the session and forgets everything it had fetched. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { logOut } from "@/api/allauth";
import { sessionKeysForget } from "@/api/classify";

export const useLogOut = () => {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: logOut,
    onSuccess: async () => {
      sessionKeysForget();
      client.clear();
      await navigate({ to: "/" });
    },
  });
};
