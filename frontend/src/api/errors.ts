/** One error family for the page: our API's body, allauth's body and a dead network all become an ApiError. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly param: string | undefined;
  readonly retryAfter: number | undefined;
  readonly requestId: string | undefined;
  /** Messages by form field, when the answer names fields. */
  readonly fields: Readonly<Record<string, string>>;

  constructor(init: {
    status: number;
    code: string;
    message: string;
    param?: string | undefined;
    retryAfter?: number | undefined;
    requestId?: string | undefined;
    fields?: Record<string, string>;
  }) {
    super(init.message);
    this.name = "ApiError";
    this.status = init.status;
    this.code = init.code;
    this.param = init.param;
    this.retryAfter = init.retryAfter;
    this.requestId = init.requestId;
    this.fields = init.fields ?? (init.param ? { [init.param]: init.message } : {});
  }
}

type OurBody = { error?: { message?: string; param?: string | null; code?: string } };
type AllauthBody = { errors?: { message: string; code: string; param?: string }[] };

const parsed = (text: string): OurBody & AllauthBody => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as OurBody & AllauthBody) : {};
  } catch {
    return {};
  }
};

const codeOfStatus = (status: number): string =>
  status >= 500 ? "server_error" : `http_${status}`;

/** The error an unsuccessful answer stands for; never throws, whatever the body is. */
export const errorFrom = (status: number, text: string, headers: Headers): ApiError => {
  const body = parsed(text);
  const retry = Number(headers.get("retry-after"));
  const common = {
    status,
    retryAfter: Number.isFinite(retry) && retry > 0 ? retry : undefined,
    requestId: headers.get("x-request-id") ?? undefined,
  };
  const [first] = body.errors ?? [];
  if (first) {
    const named = (body.errors ?? []).filter((error) => error.param);
    const fields = Object.fromEntries(named.map((error) => [error.param, error.message]));
    return new ApiError({ ...common, code: first.code, message: first.message, fields });
  }
  return new ApiError({
    ...common,
    code: body.error?.code ?? codeOfStatus(status),
    message: body.error?.message ?? "",
    param: body.error?.param ?? undefined,
  });
};

export const networkError = (): ApiError =>
  new ApiError({ status: 0, code: "network", message: "" });

export const isApiError = (error: unknown): error is ApiError => error instanceof ApiError;
