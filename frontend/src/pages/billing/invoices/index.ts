/** One file for the browser: who opens one of these pages opens the others. */
export { InvoicePage } from "./InvoicePage";
export { InvoicesPage } from "./InvoicesPage";
