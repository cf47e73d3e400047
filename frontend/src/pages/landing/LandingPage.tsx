import { Group, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { classifySnippets, SHIPPED_MODEL } from "@/lib/snippets";
import { CodeTabs } from "@/ui/CodeTabs";
import { LinkAnchor, LinkButton } from "@/ui/links";
import { Cycle } from "./Cycle";
import { EXAMPLES } from "./examples";
import classes from "./LandingPage.module.css";
import { LiveBox } from "./LiveBox";

const Pricing = () => {
  const { t } = useTranslation("landing");
  const lines = t("price.lines", { returnObjects: true }) as unknown as string[];
  return (
    <section className={classes.section} aria-labelledby="price">
      <div className={classes.split}>
        <div>
          <Title order={2} id="price" className={classes.heading}>
            {t("price.title")}
          </Title>
          <Text c="dimmed" mt="xs">
            {t("price.text")}
          </Text>
          <Group mt="lg" gap="md">
            <LinkButton to="/signup" variant="default">
              {t("price.action")}
            </LinkButton>
            <LinkAnchor to="/pricing">{t("price.more")}</LinkAnchor>
          </Group>
        </div>
        <ul className={classes.lines}>
          {lines.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      </div>
    </section>
  );
};

/** Try it, see how it works, take the call home. */
export const LandingPage = () => {
  const { t } = useTranslation("landing");
  const [text, setText] = useState(EXAMPLES[0] ?? "");
  useDocumentTitle(t("documentTitle"));
  const input = text.trim() || t("box.example");
  return (
    <>
      <section className={classes.hero}>
        <div className={classes.words}>
          <Title order={1} className={classes.title}>
            {t("title")}
          </Title>
          <Text className={classes.lead}>{t("lead")}</Text>
          <LinkAnchor to="/signup" fw={600}>
            {t("start")}
          </LinkAnchor>
        </div>
        <LiveBox text={text} onText={setText} />
      </section>
      <Cycle />
      <section className={classes.section} aria-labelledby="code">
        <div className={classes.split}>
          <div>
            <Title order={2} id="code" className={classes.heading}>
              {t("code.title")}
            </Title>
            <Text c="dimmed" mt="xs">
              {t("code.text")}
            </Text>
          </div>
          <CodeTabs
            snippets={classifySnippets({ baseUrl: location.origin, model: SHIPPED_MODEL, input })}
          />
        </div>
      </section>
      <Pricing />
    </>
  );
};
