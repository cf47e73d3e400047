// Sets the colour scheme before the first paint, so that a dark page never flashes white.
(() => {
  let stored = "auto";
  try {
    stored = localStorage.getItem("anneal-theme") || "auto";
  } catch (_blocked) {
    stored = "auto";
  }
  const dark =
    stored === "dark" || (stored === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
