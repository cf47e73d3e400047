/** Every address of the page, in one place. Pages load when they are visited. */
import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { meQuery } from "./api/account";
import { queryClient } from "./api/queryClient";
import type { PageName } from "./appPages";
import { appTextsLoad } from "./i18n";
import { PublicLayout } from "./pages/public/PublicLayout";
import { ErrorPage } from "./pages/system/ErrorPage";
import { NotFoundPage } from "./pages/system/NotFoundPage";
import { PendingPage } from "./pages/system/PendingPage";
import { Root } from "./pages/system/Root";

const root = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  component: Root,
  notFoundComponent: NotFoundPage,
});

const publicLayout = createRoute({
  getParentRoute: () => root,
  id: "public",
  component: PublicLayout,
});

const landing = createRoute({
  getParentRoute: () => publicLayout,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/landing/LandingPage"), "LandingPage"),
});

const pricing = createRoute({
  getParentRoute: () => publicLayout,
  path: "/pricing",
  component: lazyRouteComponent(() => import("./pages/pricing/PricingPage"), "PricingPage"),
});

const authLayout = createRoute({
  getParentRoute: () => publicLayout,
  id: "auth",
  component: lazyRouteComponent(() => import("./pages/auth/AuthLayout"), "AuthLayout"),
});

type Next = { next?: string };

/** Only an address of this page: `//host` and `https:` would lead elsewhere. */
export const nextOf = (search: Record<string, unknown>): Next =>
  typeof search.next === "string" && /^\/o(\/|$)/.test(search.next) ? { next: search.next } : {};

const login = createRoute({
  getParentRoute: () => authLayout,
  path: "/login",
  validateSearch: nextOf,
  component: lazyRouteComponent(() => import("./pages/auth/LoginPage"), "LoginPage"),
});

const signup = createRoute({
  getParentRoute: () => authLayout,
  path: "/signup",
  component: lazyRouteComponent(() => import("./pages/auth/SignupPage"), "SignupPage"),
});

const verifyEmail = createRoute({
  getParentRoute: () => authLayout,
  path: "/verify-email",
  component: lazyRouteComponent(() => import("./pages/auth/VerifyEmailPage"), "VerifyEmailPage"),
});

const passwordReset = createRoute({
  getParentRoute: () => authLayout,
  path: "/password/reset",
  component: lazyRouteComponent(
    () => import("./pages/auth/PasswordResetPage"),
    "PasswordResetPage",
  ),
});

const invite = createRoute({
  getParentRoute: () => authLayout,
  path: "/invite/$token",
  component: lazyRouteComponent(() => import("./pages/invite/InvitePage"), "InvitePage"),
});

/** Signed in and at `/o`: on to the first organization. */
const chooser = createRoute({
  getParentRoute: () => root,
  path: "/o",
  beforeLoad: async ({ context }) => {
    const me = await context.queryClient.ensureQueryData(meQuery);
    if (!me) throw redirect({ to: "/login" });
    const [first] = me.organizations;
    if (first) throw redirect({ to: "/o/$org", params: { org: first.slug } });
  },
  component: lazyRouteComponent(
    () => import("./pages/system/NoOrganizationPage"),
    "NoOrganizationPage",
  ),
});

type Picked = {
  model?: string;
  dataset?: string;
  models?: string;
  deployment?: string;
  contract?: string;
  job?: string;
  checkpoint?: string;
  checkout?: string;
  topUp?: boolean;
};

/** What one page hands to the next by address: what to start with, or what was paid. */
const pickedOf = (search: Record<string, unknown>): Picked => ({
  ...(typeof search.model === "string" ? { model: search.model } : {}),
  ...(typeof search.dataset === "string" ? { dataset: search.dataset } : {}),
  ...(typeof search.models === "string" ? { models: search.models } : {}),
  ...(typeof search.deployment === "string" ? { deployment: search.deployment } : {}),
  ...(typeof search.contract === "string" ? { contract: search.contract } : {}),
  ...(typeof search.job === "string" ? { job: search.job } : {}),
  ...(typeof search.checkpoint === "string" ? { checkpoint: search.checkpoint } : {}),
  ...(typeof search.checkout === "string" ? { checkout: search.checkout } : {}),
  ...(search.topUp ? { topUp: true } : {}),
});

const app = createRoute({
  getParentRoute: () => root,
  path: "/o/$org",
  validateSearch: pickedOf,
  beforeLoad: async ({ context, params, location }) => {
    const [me] = await Promise.all([context.queryClient.ensureQueryData(meQuery), appTextsLoad()]);
    if (!me) throw redirect({ to: "/login", search: { next: location.pathname } });
    const organization = me.organizations.find(({ slug }) => slug === params.org);
    return { me, organization };
  },
  component: lazyRouteComponent(() => import("./pages/shell/AppLayout"), "AppLayout"),
});

const page = <P extends string>(path: P, name: PageName) =>
  createRoute({
    getParentRoute: () => app,
    path,
    component: lazyRouteComponent(async () => (await import("./appPages")).pageLoad(name), name),
  });

const appPages = [
  page("/", "HomePage"),
  page("/playground", "PlaygroundPage"),
  page("/datasets", "DatasetsPage"),
  page("/datasets/new", "UploadPage"),
  page("/datasets/$datasetId", "DatasetPage"),
  page("/training", "JobsPage"),
  page("/training/new", "NewJobPage"),
  page("/training/$jobId", "JobPage"),
  page("/models", "ModelsPage"),
  page("/models/bases", "BasesPage"),
  page("/models/compare", "ComparePage"),
  page("/models/$modelId/evaluation", "EvaluationPage"),
  page("/models/$modelId", "ModelPage"),
  page("/deployments", "DeploymentsPage"),
  page("/deployments/$deploymentId", "DeploymentPage"),
  page("/batches", "BatchesPage"),
  page("/batches/new", "NewBatchPage"),
  page("/batches/$batchId", "BatchPage"),
  page("/deployments/$deploymentId/predictions", "PredictionsPage"),
  page("/keys", "KeysPage"),
  page("/webhooks", "WebhooksPage"),
  page("/webhooks/$webhookId", "WebhookPage"),
  page("/usage", "UsagePage"),
  page("/billing", "OverviewPage"),
  page("/billing/plans", "PlansPage"),
  page("/billing/invoices", "InvoicesPage"),
  page("/billing/invoices/$invoiceId", "InvoicePage"),
  page("/billing/payments", "PaymentsPage"),
  page("/billing/methods", "MethodsPage"),
  page("/billing/checkout", "ReturnPage"),
  page("/billing/demo-checkout/$checkoutId", "DemoCheckoutPage"),
  page("/billing/outcomes", "ContractsPage"),
  page("/billing/outcomes/new", "NewContractPage"),
  page("/billing/outcomes/$contractId", "ContractPage"),
  page("/billing/budgets", "BudgetsPage"),
  page("/billing/notices", "NoticesPage"),
  page("/team", "TeamPage"),
  page("/settings", "SettingsPage"),
] as const;

const routeTree = root.addChildren([
  publicLayout.addChildren([
    landing,
    pricing,
    authLayout.addChildren([login, signup, verifyEmail, passwordReset, invite]),
  ]),
  chooser,
  app.addChildren(appPages),
]);

export const router = createRouter({
  routeTree,
  context: { queryClient },
  defaultPreload: "intent",
  defaultPreloadStaleTime: 0,
  defaultPendingMs: 300,
  defaultPendingComponent: PendingPage,
  defaultErrorComponent: ErrorPage,
  defaultNotFoundComponent: NotFoundPage,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
