/** One file for the browser: who opens one of these pages opens the others. */
export { MethodsPage } from "./MethodsPage";
export { PaymentsPage } from "./PaymentsPage";
