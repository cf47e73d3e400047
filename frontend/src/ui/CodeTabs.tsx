import { Tabs } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Snippet } from "@/lib/snippets";
import { CodeBlock } from "./CodeBlock";

export const CodeTabs = ({ snippets }: { snippets: readonly Snippet[] }) => {
  const { t } = useTranslation();
  return (
    <Tabs defaultValue={snippets[0]?.language ?? ""} keepMounted={false}>
      <Tabs.List aria-label={t("codeIn")}>
        {snippets.map((snippet) => (
          <Tabs.Tab key={snippet.language} value={snippet.language}>
            {snippet.title}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {snippets.map((snippet) => (
        <Tabs.Panel key={snippet.language} value={snippet.language} pt="sm">
          <CodeBlock code={snippet.code} label={t("codeOf", { name: snippet.title })} />
        </Tabs.Panel>
      ))}
    </Tabs>
  );
};
