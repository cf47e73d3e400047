import { useId } from "react";
import classes from "./Logo.module.css";

/** The annealing curve: heat, hold, cool slowly. It also is an A. */
export const LogoMark = ({ size = 26 }: { size?: number }) => {
  const id = useId();
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" className={classes.mark}>
      <defs>
        <linearGradient id={id} gradientUnits="userSpaceOnUse" x1="3" y1="0" x2="29" y2="0">
          <stop offset="0" className={classes.straw} />
          <stop offset=".38" className={classes.bronze} />
          <stop offset=".64" className={classes.violet} />
          <stop offset="1" className={classes.blue} />
        </linearGradient>
      </defs>
      <path
        d="M3.5 26 10.8 6.5h4.7c6 0 4.5 19.5 13 19.5"
        fill="none"
        stroke={`url(#${id})`}
        strokeWidth="4.4"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
};

const NAME = "Anneal";

export const Logo = () => (
  <span className={classes.logo}>
    <LogoMark />
    <span className={classes.name}>{NAME}</span>
  </span>
);
