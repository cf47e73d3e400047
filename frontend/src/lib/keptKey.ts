/** A key that is kept and may end before its time: with the session that it was made in. */
import { isApiError } from "@/api/errors";

const REFUSED = 401;

/** Calls with the kept key, and once more with a new one when it is refused. */
export const withKey = async <T>(
  key: () => Promise<string>,
  forget: () => void,
  call: (key: string) => Promise<T>,
): Promise<T> => {
  try {
    return await call(await key());
  } catch (error) {
    if (!isApiError(error) || error.status !== REFUSED) throw error;
    forget();
    return call(await key());
  }
};
