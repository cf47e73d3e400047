/** Links of the signed-in frame: apart from the others, since public pages have no menus. */
import { Menu, type MenuItemProps, NavLink, type NavLinkProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import type { Native } from "./links";

const NavBase = (props: NavLinkProps & Native<NavLinkProps>) => (
  <NavLink component="a" {...props} />
);
const MenuItemBase = (props: MenuItemProps & Native<MenuItemProps>) => (
  <Menu.Item component="a" {...props} />
);

export const LinkNav = createLink(NavBase);
export const LinkMenuItem = createLink(MenuItemBase);
