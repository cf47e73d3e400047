"""What a visitor has to download, compressed, against its budgets (frontend/README.md)."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Site

DIST = Path(__file__).resolve().parents[2] / "frontend" / "dist"
ENTRY = "src/main.tsx"
FRAME = "src/pages/shell/AppLayout.tsx"
LANDING = "src/pages/landing/LandingPage.tsx"
TEXTS = "src/i18n/en/public.ts"


@pytest.fixture
def manifest(site: Site) -> dict[str, Any]:
    """Vite's manifest; the site is asked for because starting one builds the page."""
    content: dict[str, Any] = json.loads((DIST / "manifest.json").read_text("utf-8"))
    return content


def closure(manifest: dict[str, Any], *names: str) -> set[str]:
    """Return the chunks that are loaded with the named ones."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        waiting += [] if name in found else manifest[name].get("imports", [])
        found.add(name)
    return found


def kilobytes(files: set[str]) -> float:
    """Return their size as sent."""
    return sum(len(gzip.compress((DIST / file).read_bytes())) for file in files) / 1000


def scripts(manifest: dict[str, Any], names: set[str]) -> float:
    """Return the size of the chunks' scripts in kB."""
    return kilobytes({manifest[name]["file"] for name in names})


def test_the_entry_and_the_landing_page_are_small(manifest: dict[str, Any]) -> None:
    landing = closure(manifest, ENTRY, LANDING, TEXTS)
    styles = {style for name in landing for style in manifest[name].get("css", [])}
    assert scripts(manifest, closure(manifest, ENTRY)) <= 160
    assert scripts(manifest, landing) <= 180
    assert kilobytes(styles) <= 20
    assert kilobytes({str(font.relative_to(DIST)) for font in DIST.rglob("*.woff2")}) <= 50


def test_no_page_adds_much(manifest: dict[str, Any]) -> None:
    frame = closure(manifest, ENTRY, FRAME)
    pages = [name for name in manifest if name.startswith("src/pages/")]
    sizes = {page: scripts(manifest, closure(manifest, page) - frame) for page in pages}
    assert len(sizes) >= 20
    assert {page: size for page, size in sizes.items() if size > 60} == {}
