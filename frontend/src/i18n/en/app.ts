/** Texts of the signed-in pages. */
import app from "./app.json";
import bases from "./bases.json";
import batches from "./batches.json";
import billing from "./billing.json";
import contracts from "./contracts.json";
import datasets from "./datasets.json";
import deployments from "./deployments.json";
import evaluation from "./evaluation.json";
import home from "./home.json";
import invoices from "./invoices.json";
import keys from "./keys.json";
import models from "./models.json";
import payments from "./payments.json";
import playground from "./playground.json";
import predictions from "./predictions.json";
import refusals from "./refusals.json";
import settings from "./settings.json";
import training from "./training.json";
import usage from "./usage.json";
import webhooks from "./webhooks.json";

export const enApp = {
  app,
  bases,
  batches,
  billing,
  contracts,
  datasets,
  deployments,
  evaluation,
  home,
  invoices,
  keys,
  models,
  payments,
  playground,
  predictions,
  refusals,
  settings,
  training,
  usage,
  webhooks,
};
