import { SimpleGrid, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { basesQuery } from "@/api/bases";
import { useOrg } from "@/lib/useOrg";
import { LinkAnchor } from "@/ui/links";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { BaseCard } from "./BaseCard";
import { Recommend } from "./Recommend";

/** Every base of the catalogue, and which one to begin with. */
export const BasesPage = () => {
  const { t } = useTranslation("bases");
  const models = useTranslation("models").t;
  const org = useOrg();
  const bases = useQuery(basesQuery(org));
  return (
    <>
      <PageHeader
        title={t("title")}
        lead={t("lead")}
        above={
          <LinkAnchor to="/o/$org/models" params={{ org: org.slug }} size="sm">
            {models("title")}
          </LinkAnchor>
        }
      />
      <Stack gap="lg">
        <Recommend />
        <Panel title={t("all")}>
          <QueryView query={bases}>
            {(data) => (
              <SimpleGrid cols={{ base: 1, md: 2 }}>
                {data.map((base) => (
                  <BaseCard key={base.id} base={base} />
                ))}
              </SimpleGrid>
            )}
          </QueryView>
        </Panel>
      </Stack>
    </>
  );
};
