/** All texts of this language, by namespace. */
import { enApp } from "./app";
import { enPublic } from "./public";

export const en = { ...enPublic, ...enApp };
