import classes from "./CurvePreview.module.css";

/** A loss curve as it will look. */
export const CurvePreview = () => (
  <svg viewBox="0 0 320 150" className={classes.curve} aria-hidden="true">
    <path className={classes.axis} d="M8 8v130h304" />
    <path className={classes.train} d="M10 16C40 70 60 96 110 110S220 126 310 130" />
    <path className={classes.valid} d="M10 26C46 78 70 92 118 102S230 112 310 110" />
  </svg>
);
