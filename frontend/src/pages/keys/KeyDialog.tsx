import { Modal } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type KeyDraft, keyCreate } from "@/api/keys";
import { useOrg } from "@/lib/useOrg";
import { KeyForm } from "./KeyForm";
import { KeyShown } from "./KeyShown";

type Props = { opened: boolean; onClose: () => void };

/** First the form, then the key: once, and gone from the page when the dialog closes. */
export const KeyDialog = ({ opened, onClose }: Props) => {
  const { t } = useTranslation(["keys", "common"]);
  const org = useOrg();
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: (draft: KeyDraft) => keyCreate(org, draft),
    gcTime: 0,
    onSuccess: () => client.invalidateQueries({ queryKey: [org.id, "keys"] }),
  });
  const close = () => {
    onClose();
    create.reset();
  };
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={create.data ? t("shown.title") : t("form.title")}
      centered
      size="lg"
      closeOnClickOutside={create.data === undefined}
      closeButtonProps={{ "aria-label": t("common:close") }}
    >
      {create.data ? (
        <KeyShown secret={create.data.key} onDone={close} />
      ) : (
        <KeyForm
          busy={create.isPending}
          error={create.error}
          onSubmit={(draft) => create.mutate(draft)}
        />
      )}
    </Modal>
  );
};
