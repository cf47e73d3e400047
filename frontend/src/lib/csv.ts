/** Tables for a spreadsheet. */

/** A cell that begins so is a formula to a spreadsheet, and names are other people's texts. */
const FORMULA = /^[=+\-@\t\r]/;

const cell = (value: string | number): string => {
  if (typeof value === "number") return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

export const csvOf = (rows: readonly (readonly (string | number)[])[]): string =>
  rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");

/** Spreadsheets take a file for UTF-8 when it begins so. */
const MARK = "\uFEFF";

const REVOKE_MS = 10_000;

/** Hands the text over as a file, without a request. */
export const csvSave = (name: string, text: string): void =>
  blobSave(name, new Blob([MARK, text], { type: "text/csv;charset=utf-8" }));

/** Hands what was fetched over as a file. */
export const blobSave = (name: string, blob: Blob): void => {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // Later: some browsers read the address only after the click has been handled.
  setTimeout(() => URL.revokeObjectURL(address), REVOKE_MS);
};
