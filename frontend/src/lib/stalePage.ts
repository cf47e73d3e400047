/** After an upgrade an open page asks for files that are gone: load the new page, once. */
const MARK = "anneal-reloaded-at";
const AGAIN_AFTER_MS = 30_000;

export const reloadWhenStale = (): void => {
  window.addEventListener("vite:preloadError", (event) => {
    const last = Number(sessionStorage.getItem(MARK) ?? 0);
    if (Date.now() - last < AGAIN_AFTER_MS) return;
    event.preventDefault();
    sessionStorage.setItem(MARK, String(Date.now()));
    location.reload();
  });
};
