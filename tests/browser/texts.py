"""The page's own texts, so that a test reads the same in both languages."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "frontend" / "src" / "i18n"


@cache
def _namespace(language: str, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / language / f"{name}.json").read_text("utf-8"))
    return content


def text(language: str, key: str, **values: object) -> str:
    """Return `namespace:path.to.key` with its `{{slots}}` filled."""
    namespace, _, path = key.partition(":")
    found: Any = _namespace(language, namespace)
    for part in path.split("."):
        found = found[part]
    filled = str(found)
    for name, value in values.items():
        filled = filled.replace("{{" + name + "}}", str(value))
    return filled
