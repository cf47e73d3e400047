/** All texts of this language, by namespace. */
import app from "./app.json";
import auth from "./auth.json";
import common from "./common.json";
import datasets from "./datasets.json";
import deployments from "./deployments.json";
import errors from "./errors.json";
import home from "./home.json";
import keys from "./keys.json";
import landing from "./landing.json";
import models from "./models.json";
import playground from "./playground.json";
import settings from "./settings.json";
import training from "./training.json";
import usage from "./usage.json";

export const en = {
  app,
  auth,
  common,
  datasets,
  deployments,
  errors,
  home,
  keys,
  landing,
  models,
  playground,
  settings,
  training,
  usage,
};
