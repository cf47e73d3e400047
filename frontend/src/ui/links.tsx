/** Mantine's looks with the router's typed addresses. */
import { Anchor, type AnchorProps, Button, type ButtonProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import type { AnchorHTMLAttributes, Ref } from "react";

export type Native<P> = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof P> & {
  ref?: Ref<HTMLAnchorElement>;
};

const ButtonBase = (props: ButtonProps & Native<ButtonProps>) => (
  <Button component="a" {...props} />
);
const AnchorBase = (props: AnchorProps & Native<AnchorProps>) => <Anchor {...props} />;

export const LinkButton = createLink(ButtonBase);
export const LinkAnchor = createLink(AnchorBase);
