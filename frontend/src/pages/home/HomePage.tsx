import { SimpleGrid } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { homeQuery } from "@/api/usage";
import { useOrg } from "@/lib/useOrg";
import { PageHeader } from "@/ui/PageHeader";
import { QueryView } from "@/ui/QueryView";
import { BalancePanel } from "../usage/BalancePanel";
import { Checklist } from "./Checklist";
import { RecentJobs } from "./RecentJobs";

/** First the way to an own model, then what runs and what is left. */
export const HomePage = () => {
  const { t } = useTranslation("home");
  const org = useOrg();
  const home = useQuery(homeQuery(org));
  const complete = home.data?.steps.every((step) => step.done) ?? false;
  return (
    <>
      <PageHeader title={org.name} lead={complete ? t("leadDone") : t("lead")} />
      {complete ? null : (
        <QueryView query={home}>{({ steps }) => <Checklist steps={steps} />}</QueryView>
      )}
      <SimpleGrid cols={{ base: 1, md: 2 }} mt="lg" spacing="lg">
        <RecentJobs />
        <BalancePanel />
      </SimpleGrid>
    </>
  );
};
