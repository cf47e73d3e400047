/** The signed-in pages, each loaded when it is visited. Apart from the router, so that who only reads the public pages loads none of their addresses. */
import type { ComponentType } from "react";

const pages = {
  HomePage: () => import("./pages/home/HomePage"),
  PlaygroundPage: () => import("./pages/playground/PlaygroundPage"),
  DatasetsPage: () => import("./pages/datasets/DatasetsPage"),
  UploadPage: () => import("./pages/datasets/UploadPage"),
  DatasetPage: () => import("./pages/datasets/DatasetPage"),
  JobsPage: () => import("./pages/training/JobsPage"),
  NewJobPage: () => import("./pages/training/NewJobPage"),
  JobPage: () => import("./pages/training/JobPage"),
  ModelsPage: () => import("./pages/models/ModelsPage"),
  BasesPage: () => import("./pages/bases/BasesPage"),
  ComparePage: () => import("./pages/evaluation/ComparePage"),
  EvaluationPage: () => import("./pages/evaluation/EvaluationPage"),
  ModelPage: () => import("./pages/models/ModelPage"),
  DeploymentsPage: () => import("./pages/deployments/DeploymentsPage"),
  DeploymentPage: () => import("./pages/deployments/DeploymentPage"),
  BatchesPage: () => import("./pages/batches/BatchesPage"),
  NewBatchPage: () => import("./pages/batches/NewBatchPage"),
  BatchPage: () => import("./pages/batches/BatchPage"),
  PredictionsPage: () => import("./pages/predictions/PredictionsPage"),
  KeysPage: () => import("./pages/keys/KeysPage"),
  WebhooksPage: () => import("./pages/webhooks/WebhooksPage"),
  WebhookPage: () => import("./pages/webhooks/WebhookPage"),
  UsagePage: () => import("./pages/usage/UsagePage"),
  OverviewPage: () => import("./pages/billing/OverviewPage"),
  PlansPage: () => import("./pages/billing/PlansPage"),
  InvoicesPage: () => import("./pages/billing/invoices"),
  InvoicePage: () => import("./pages/billing/invoices"),
  PaymentsPage: () => import("./pages/billing/payments"),
  MethodsPage: () => import("./pages/billing/payments"),
  ReturnPage: () => import("./pages/billing/checkout"),
  DemoCheckoutPage: () => import("./pages/billing/checkout"),
  ContractsPage: () => import("./pages/billing/outcomes"),
  NewContractPage: () => import("./pages/billing/outcomes"),
  ContractPage: () => import("./pages/billing/outcomes"),
  BudgetsPage: () => import("./pages/billing/BudgetsPage"),
  NoticesPage: () => import("./pages/billing/NoticesPage"),
  TeamPage: () => import("./pages/settings/TeamPage"),
  SettingsPage: () => import("./pages/settings/SettingsPage"),
} satisfies Record<string, () => Promise<object>>;

export type PageName = keyof typeof pages;

export const pageLoad = (name: PageName): Promise<Record<string, ComponentType>> => pages[name]();
