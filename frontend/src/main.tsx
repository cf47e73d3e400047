/** Starts the page: language first, then one provider tree. */
import "./styles/mantine";
import "./fonts.css";
import "./base.css";
import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { setNonce } from "get-nonce";
import { createRoot } from "react-dom/client";
import { queryClient } from "./api/queryClient";
import { i18nStart } from "./i18n";
import { styleNonce } from "./lib/boot";
import { reloadWhenStale } from "./lib/stalePage";
import { router } from "./router";
import { cssVariables, theme } from "./theme";

const nonce = styleNonce();
if (nonce) setNonce(nonce);

const colorSchemes = localStorageColorSchemeManager({ key: "anneal-theme" });

reloadWhenStale();

const start = async () => {
  await i18nStart();
  const root = document.getElementById("root");
  if (!root) return;
  createRoot(root).render(
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      colorSchemeManager={colorSchemes}
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>,
  );
};

void start();
