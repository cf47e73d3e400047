import { Badge, Button, Group, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { sessionsEnd, sessionsQuery } from "@/api/allauth";
import { useFormat } from "@/lib/useFormat";
import { browserOf } from "@/lib/userAgent";
import { ErrorBox } from "@/ui/ErrorBox";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import classes from "./SessionsPanel.module.css";

/** Where one is signed in, and the way to end it there. */
export const SessionsPanel = () => {
  const { t } = useTranslation("settings");
  const format = useFormat();
  const client = useQueryClient();
  const sessions = useQuery(sessionsQuery);
  const end = useMutation({
    mutationFn: sessionsEnd,
    onSuccess: () => client.invalidateQueries({ queryKey: sessionsQuery.queryKey }),
  });
  const others = (sessions.data ?? []).filter((session) => !session.is_current);
  return (
    <Panel
      title={t("sessions.title")}
      aside={
        others.length > 0 ? (
          <Button
            variant="default"
            size="xs"
            loading={end.isPending}
            onClick={() => end.mutate(others.map((session) => session.id))}
          >
            {t("sessions.endOthers")}
          </Button>
        ) : null
      }
    >
      <QueryView query={sessions}>
        {(rows) => (
          <ul className={classes.list}>
            {rows.map((session) => (
              <li key={session.id} className={classes.row}>
                <div>
                  <Group gap="xs">
                    <Text fw={600}>{browserOf(session.user_agent)}</Text>
                    {session.is_current ? (
                      <Badge variant="default" tt="none" fw={500}>
                        {t("sessions.current")}
                      </Badge>
                    ) : null}
                  </Group>
                  <Text size="sm" c="dimmed">
                    {`${session.ip} · ${format.dateTime(session.last_seen_at ?? session.created_at)}`}
                  </Text>
                </div>
              </li>
            ))}
          </ul>
        )}
      </QueryView>
      <ErrorBox error={end.error} />
    </Panel>
  );
};
