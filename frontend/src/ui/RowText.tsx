import classes from "./RowText.module.css";

/** A row's text in a table: its beginning, for a row may be as long as a book. */
export const RowText = ({ children }: { children: string }) => (
  <span className={classes.text}>{children}</span>
);
