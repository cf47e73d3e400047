/** Mantine's looks with the router's typed addresses. */
import {
  Anchor,
  type AnchorProps,
  Button,
  type ButtonProps,
  Menu,
  type MenuItemProps,
  NavLink,
  type NavLinkProps,
} from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import type { AnchorHTMLAttributes, Ref } from "react";

type Native<P> = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof P> & {
  ref?: Ref<HTMLAnchorElement>;
};

const ButtonBase = (props: ButtonProps & Native<ButtonProps>) => (
  <Button component="a" {...props} />
);
const AnchorBase = (props: AnchorProps & Native<AnchorProps>) => <Anchor {...props} />;
const NavBase = (props: NavLinkProps & Native<NavLinkProps>) => (
  <NavLink component="a" {...props} />
);
const MenuItemBase = (props: MenuItemProps & Native<MenuItemProps>) => (
  <Menu.Item component="a" {...props} />
);

export const LinkButton = createLink(ButtonBase);
export const LinkAnchor = createLink(AnchorBase);
export const LinkNav = createLink(NavBase);
export const LinkMenuItem = createLink(MenuItemBase);
