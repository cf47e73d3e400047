"""The one page that carries the web application, and the answers for addresses nobody has."""

import functools
import json
import math
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie

from anneal.kernel.errors import DomainError, MethodNotAllowed, NotFound
from tenants.accounts.models import Language, User

ENTRY: Final = "src/main.tsx"
_MACHINES: Final = re.compile(r"(?:v1|hf|api|_allauth|dev|static|metrics|livez|readyz)(?:/|$)")
_PAGES: Final = re.compile(
    r"(?:login|signup|pricing|verify-email|password/reset|invite/[\w-]+"
    r"|o(?:/[a-z0-9-]{3,32}(?:/.*)?)?)?/?"
)


# Exempt: it changes nothing, and a call to a mistyped address is told so, not about a token.
@csrf_exempt
@never_cache
@ensure_csrf_cookie
def shell(request: HttpRequest, path: str = "") -> HttpResponse:
    """Answer any address that nothing else has: the application's page, or a JSON 404 for machines.

    Status 404 for a path the application does not know; it shows its own "not found" then.
    """
    if _MACHINES.match(path):
        return error_answer(NotFound(f"No such address: /{path[:200]}"))
    if request.method not in ("GET", "HEAD"):
        return error_answer(MethodNotAllowed())
    assets = _assets()
    if assets is None:
        return render(request, "console/unbuilt.html", status=503)
    language = _language(request)
    with translation.override(language):
        return render(
            request,
            "console/shell.html",
            {
                **assets,
                "language": "zh-Hans" if language == Language.CHINESE else "en",
                "boot": boot(language),
                "nonce": str(request.csp_nonce),  # type: ignore[attr-defined] # django-csp sets it
            },
            status=200 if _PAGES.fullmatch(path) else 404,
        )


def boot(language: str) -> dict[str, Any]:
    """Return what the page knows before its first request (frontend/README.md)."""
    return {
        "demoBilling": settings.ANNEAL_DEMO_BILLING,
        "mailbox": settings.ANNEAL_UP,
        "language": "zh-Hans" if language == Language.CHINESE else "en",
        "version": product_version(),
    }


def error_answer(error: DomainError) -> HttpResponse:
    """Render an error outside the REST framework, in the API's shape."""
    if isinstance(error, MethodNotAllowed):
        answer = HttpResponseNotAllowed(["GET", "HEAD"], json.dumps(error.body()))
        answer["Content-Type"] = "application/json"
        return answer
    body = JsonResponse(error.body(), status=error.status)
    if error.retry_after is not None:
        body["Retry-After"] = str(math.ceil(error.retry_after))
    return body


@functools.cache
def product_version() -> str:
    """Return the installed version."""
    try:
        return version("anneal")
    except PackageNotFoundError:
        return "development"


def _language(request: HttpRequest) -> str:
    user = getattr(request, "user", None)
    if isinstance(user, User):
        return user.language
    current = translation.get_language_from_request(request)
    return Language.CHINESE if current.startswith("zh") else Language.ENGLISH


def _assets() -> dict[str, Any] | None:
    manifest = Path(settings.ANNEAL_ROOT) / "frontend" / "dist" / "manifest.json"
    try:
        return _read(manifest, manifest.stat().st_mtime_ns)
    except (OSError, ValueError, KeyError):
        return None


@functools.lru_cache(maxsize=2)
def _read(manifest: Path, changed: int) -> dict[str, Any]:
    """Read Vite's manifest; `changed` makes a new build a new entry."""
    entry = json.loads(manifest.read_text(encoding="utf-8"))[ENTRY]
    return {"script": entry["file"], "styles": entry.get("css", [])}
