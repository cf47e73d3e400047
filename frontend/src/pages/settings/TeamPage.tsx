import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { membersQuery } from "@/api/account";
import type { Member } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { PageHeader } from "@/ui/PageHeader";
import { QueryView } from "@/ui/QueryView";
import { InviteDialog } from "./InviteDialog";

export const TeamPage = () => {
  const { t } = useTranslation("settings");
  const format = useFormat();
  const members = useQuery(membersQuery(useOrg()));
  const mayInvite = useCan("members");
  const [opened, dialog] = useDisclosure(false);
  const columns: Column<Member>[] = [
    { key: "email", title: t("team.email"), cell: (member) => member.email },
    { key: "role", title: t("team.role"), cell: (member) => t(`roles.${member.role}.name`) },
    {
      key: "since",
      title: t("team.since"),
      wide: true,
      cell: (member) => (member.created_at ? format.date(member.created_at) : "–"),
    },
  ];
  return (
    <>
      <PageHeader
        title={t("team.title")}
        lead={t("team.lead")}
        action={mayInvite ? <Button onClick={dialog.open}>{t("invite.open")}</Button> : null}
      />
      <QueryView query={members}>
        {({ data }) => (
          <DataTable
            caption={t("team.title")}
            columns={columns}
            rows={data}
            rowKey={(member) => member.id}
          />
        )}
      </QueryView>
      <InviteDialog opened={opened} onClose={dialog.close} />
    </>
  );
};
