/** All texts of this language, by namespace. */
import { zhHansApp } from "./app";
import { zhHansPublic } from "./public";

export const zhHans = { ...zhHansPublic, ...zhHansApp };
