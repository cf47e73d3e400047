import { Button } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { jobTensorboard } from "@/api/training";
import type { Job } from "@/api/types";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";

/** The job's curves as a file for TensorBoard. */
export const TensorboardFile = ({ job }: { job: Job }) => {
  const { t } = useTranslation("training");
  const org = useOrg();
  const file = useMutation({
    mutationFn: () => jobTensorboard(org, job.id),
    onSuccess: (blob) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `events.out.tfevents.${job.id}`;
      link.click();
      URL.revokeObjectURL(link.href);
    },
  });
  return (
    <>
      <Button
        variant="subtle"
        size="compact-sm"
        loading={file.isPending}
        onClick={() => file.mutate()}
      >
        {t("job.tensorboard")}
      </Button>
      {file.isError ? <ErrorBox error={file.error} /> : null}
    </>
  );
};
