/** Where something can be done about an error. The signed-in frame knows; public pages have no such place. */
import { createContext, type ReactNode } from "react";
import type { ApiError } from "@/api/errors";

export const ErrorRemedy = createContext<(error: ApiError) => ReactNode>(() => null);
