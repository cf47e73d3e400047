/** One file for the browser: who opens one of these pages opens the others. */
export { ContractPage } from "./ContractPage";
export { ContractsPage } from "./ContractsPage";
export { NewContractPage } from "./NewContractPage";
