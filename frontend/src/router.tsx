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

const page = <P extends string>(path: P, component: ReturnType<typeof lazyRouteComponent>) =>
  createRoute({ getParentRoute: () => app, path, component });

const appPages = [
  page(
    "/",
    lazyRouteComponent(() => import("./pages/home/HomePage"), "HomePage"),
  ),
  page(
    "/playground",
    lazyRouteComponent(() => import("./pages/playground/PlaygroundPage"), "PlaygroundPage"),
  ),
  page(
    "/datasets",
    lazyRouteComponent(() => import("./pages/datasets/DatasetsPage"), "DatasetsPage"),
  ),
  page(
    "/datasets/new",
    lazyRouteComponent(() => import("./pages/datasets/UploadPage"), "UploadPage"),
  ),
  page(
    "/datasets/$datasetId",
    lazyRouteComponent(() => import("./pages/datasets/DatasetPage"), "DatasetPage"),
  ),
  page(
    "/training",
    lazyRouteComponent(() => import("./pages/training/JobsPage"), "JobsPage"),
  ),
  page(
    "/training/new",
    lazyRouteComponent(() => import("./pages/training/NewJobPage"), "NewJobPage"),
  ),
  page(
    "/training/$jobId",
    lazyRouteComponent(() => import("./pages/training/JobPage"), "JobPage"),
  ),
  page(
    "/models",
    lazyRouteComponent(() => import("./pages/models/ModelsPage"), "ModelsPage"),
  ),
  page(
    "/models/bases",
    lazyRouteComponent(() => import("./pages/bases/BasesPage"), "BasesPage"),
  ),
  page(
    "/models/compare",
    lazyRouteComponent(() => import("./pages/evaluation/ComparePage"), "ComparePage"),
  ),
  page(
    "/models/$modelId/evaluation",
    lazyRouteComponent(() => import("./pages/evaluation/EvaluationPage"), "EvaluationPage"),
  ),
  page(
    "/models/$modelId",
    lazyRouteComponent(() => import("./pages/models/ModelPage"), "ModelPage"),
  ),
  page(
    "/deployments",
    lazyRouteComponent(() => import("./pages/deployments/DeploymentsPage"), "DeploymentsPage"),
  ),
  page(
    "/deployments/$deploymentId",
    lazyRouteComponent(() => import("./pages/deployments/DeploymentPage"), "DeploymentPage"),
  ),
  page(
    "/batches",
    lazyRouteComponent(() => import("./pages/batches/BatchesPage"), "BatchesPage"),
  ),
  page(
    "/batches/new",
    lazyRouteComponent(() => import("./pages/batches/NewBatchPage"), "NewBatchPage"),
  ),
  page(
    "/batches/$batchId",
    lazyRouteComponent(() => import("./pages/batches/BatchPage"), "BatchPage"),
  ),
  page(
    "/deployments/$deploymentId/predictions",
    lazyRouteComponent(() => import("./pages/predictions/PredictionsPage"), "PredictionsPage"),
  ),
  page(
    "/keys",
    lazyRouteComponent(() => import("./pages/keys/KeysPage"), "KeysPage"),
  ),
  page(
    "/webhooks",
    lazyRouteComponent(() => import("./pages/webhooks/WebhooksPage"), "WebhooksPage"),
  ),
  page(
    "/webhooks/$webhookId",
    lazyRouteComponent(() => import("./pages/webhooks/WebhookPage"), "WebhookPage"),
  ),
  page(
    "/usage",
    lazyRouteComponent(() => import("./pages/usage/UsagePage"), "UsagePage"),
  ),
  page(
    "/billing",
    lazyRouteComponent(() => import("./pages/billing/OverviewPage"), "OverviewPage"),
  ),
  page(
    "/billing/plans",
    lazyRouteComponent(() => import("./pages/billing/PlansPage"), "PlansPage"),
  ),
  page(
    "/billing/invoices",
    lazyRouteComponent(() => import("./pages/billing/invoices"), "InvoicesPage"),
  ),
  page(
    "/billing/invoices/$invoiceId",
    lazyRouteComponent(() => import("./pages/billing/invoices"), "InvoicePage"),
  ),
  page(
    "/billing/payments",
    lazyRouteComponent(() => import("./pages/billing/payments"), "PaymentsPage"),
  ),
  page(
    "/billing/methods",
    lazyRouteComponent(() => import("./pages/billing/payments"), "MethodsPage"),
  ),
  page(
    "/billing/checkout",
    lazyRouteComponent(() => import("./pages/billing/checkout"), "ReturnPage"),
  ),
  page(
    "/billing/demo-checkout/$checkoutId",
    lazyRouteComponent(() => import("./pages/billing/checkout"), "DemoCheckoutPage"),
  ),
  page(
    "/billing/outcomes",
    lazyRouteComponent(() => import("./pages/billing/outcomes"), "ContractsPage"),
  ),
  page(
    "/billing/outcomes/new",
    lazyRouteComponent(() => import("./pages/billing/outcomes"), "NewContractPage"),
  ),
  page(
    "/billing/outcomes/$contractId",
    lazyRouteComponent(() => import("./pages/billing/outcomes"), "ContractPage"),
  ),
  page(
    "/billing/budgets",
    lazyRouteComponent(() => import("./pages/billing/BudgetsPage"), "BudgetsPage"),
  ),
  page(
    "/billing/notices",
    lazyRouteComponent(() => import("./pages/billing/NoticesPage"), "NoticesPage"),
  ),
  page(
    "/team",
    lazyRouteComponent(() => import("./pages/settings/TeamPage"), "TeamPage"),
  ),
  page(
    "/settings",
    lazyRouteComponent(() => import("./pages/settings/SettingsPage"), "SettingsPage"),
  ),
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
