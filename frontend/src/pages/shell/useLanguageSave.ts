/** Keeps the chosen language with the person, so that mails come in it too. */
import { useMutation } from "@tanstack/react-query";
import { languageSave } from "@/api/account";

export const useLanguageSave = () => useMutation({ mutationFn: languageSave });
