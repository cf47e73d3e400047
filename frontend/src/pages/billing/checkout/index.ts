/** One file for the browser: who opens one of these pages opens the others. */
export { DemoCheckoutPage } from "./DemoCheckoutPage";
export { ReturnPage } from "./ReturnPage";
