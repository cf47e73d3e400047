/** Texts of the public pages, and what every page needs. */
import auth from "./auth.json";
import common from "./common.json";
import errors from "./errors.json";
import landing from "./landing.json";
import pricing from "./pricing.json";

export const zhHansPublic = { auth, common, errors, landing, pricing };
