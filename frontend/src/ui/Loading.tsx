import { Skeleton, Stack, VisuallyHidden } from "@mantine/core";
import { useTranslation } from "react-i18next";

const LINES = ["a", "b", "c", "d"] as const;

/** The place of a list or panel while its facts are on their way. */
export const Loading = ({ height = 44 }: { height?: number }) => {
  const { t } = useTranslation();
  return (
    <Stack gap="sm" role="status">
      <VisuallyHidden>{t("loading")}</VisuallyHidden>
      {LINES.map((line) => (
        <Skeleton key={line} height={height} />
      ))}
    </Stack>
  );
};
