import { Button, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { invitationAccept, meQuery } from "@/api/account";
import { ErrorBox } from "@/ui/ErrorBox";
import { LinkButton } from "@/ui/links";
import { QueryView } from "@/ui/QueryView";
import classes from "./InvitePage.module.css";

const SignInFirst = () => {
  const { t } = useTranslation("auth");
  return (
    <>
      <Text c="dimmed">{t("invitation.signIn")}</Text>
      <div className={classes.actions}>
        <LinkButton to="/signup">{t("signup.submit")}</LinkButton>
        <LinkButton to="/login" variant="default">
          {t("login.submit")}
        </LinkButton>
      </div>
    </>
  );
};

/** Joining an organization by the link of a mail. */
export const InvitePage = () => {
  const { t } = useTranslation("auth");
  const { token = "" } = useParams({ strict: false });
  const client = useQueryClient();
  const navigate = useNavigate();
  const me = useQuery(meQuery);
  const accept = useMutation({
    mutationFn: () => invitationAccept(token),
    onSuccess: async (membership) => {
      client.removeQueries({ queryKey: meQuery.queryKey });
      await navigate({ to: "/o/$org", params: { org: membership.slug } });
    },
  });
  useDocumentTitle(`${t("invitation.title")} · Anneal`);
  return (
    <div className={classes.page}>
      <Title order={1}>{t("invitation.title")}</Title>
      <QueryView query={me}>
        {(person) =>
          person === null ? (
            <SignInFirst />
          ) : (
            <>
              <Text c="dimmed">{t("invitation.text", { email: person.email })}</Text>
              <ErrorBox error={accept.error} />
              <div className={classes.actions}>
                <Button onClick={() => accept.mutate()} loading={accept.isPending}>
                  {t("invitation.accept")}
                </Button>
              </div>
            </>
          )
        }
      </QueryView>
    </div>
  );
};
