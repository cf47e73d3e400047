"""Read-only pages that join apps, the shell of the web page and the operator's console."""
