import { Outlet } from "@tanstack/react-router";
import classes from "./Auth.module.css";

export const AuthLayout = () => (
  <div className={classes.page}>
    <div className={classes.card}>
      <Outlet />
    </div>
  </div>
);
