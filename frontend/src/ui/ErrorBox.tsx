import { Alert, Anchor, Button, Group, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useContext } from "react";
import { useTranslation } from "react-i18next";
import { isApiError } from "@/api/errors";
import { useErrorText } from "@/lib/useErrorText";
import { ErrorRemedy } from "./ErrorRemedy";

type Props = { error: unknown; onRetry?: (() => void) | undefined };

/** What went wrong and what to do about it; with the request id for support. */
export const ErrorBox = ({ error, onRetry }: Props) => {
  const { t } = useTranslation();
  const describe = useErrorText();
  const remedy = useContext(ErrorRemedy);
  if (!error) return null;
  const { title, text } = describe(error);
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle />} title={title} role="alert">
      <Text size="sm">{text}</Text>
      {isApiError(error) && error.requestId ? (
        <Text size="xs" c="dimmed" mt={4}>
          {t("requestId", { id: error.requestId })}
        </Text>
      ) : null}
      {isApiError(error) ? remedy(error) : null}
      {onRetry ? (
        <Group mt="sm">
          <Button size="xs" variant="default" onClick={onRetry}>
            {t("retry")}
          </Button>
        </Group>
      ) : null}
      {isApiError(error) && error.code === "authentication_failed" ? (
        <Anchor href="/login" size="sm">
          {t("logIn")}
        </Anchor>
      ) : null}
    </Alert>
  );
};
