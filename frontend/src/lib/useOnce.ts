/** Mutations that cost money: pressing again after a lost answer counts once, after an answer anew. */
import { type UseMutationResult, useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { isApiError } from "@/api/errors";
import { type DraftKeeper, draftKeeper } from "./idempotency";

type Options<T extends object, Answer> = {
  mutationFn: (draft: T) => Promise<Answer>;
  onSuccess?: (answer: Answer) => Promise<void> | void;
};

const wasLost = (error: unknown): boolean => isApiError(error) && error.status === 0;

export const useOnce = <T extends object, Answer>({
  mutationFn,
  onSuccess,
}: Options<T, Answer>): UseMutationResult<Answer, Error, T> => {
  const [keeper] = useState<DraftKeeper<T>>(draftKeeper);
  return useMutation({
    mutationFn: (values: T) => mutationFn(keeper.of(values)),
    onSettled: (_answer, error) => {
      if (!wasLost(error)) keeper.answered();
    },
    ...(onSuccess ? { onSuccess: (answer: Answer) => onSuccess(answer) } : {}),
  });
};
