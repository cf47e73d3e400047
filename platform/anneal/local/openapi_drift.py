"""A check: the committed OpenAPI file is the one that the code makes.

Run as `python -m anneal.local.openapi_drift`; status 1 when it is not.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from anneal.local.check_list import OPENAPI
from anneal.local.preamble import ROOT


def main() -> int:
    """Make the file anew beside the committed one and compare what they mean."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "openapi.json"
        command = [sys.executable, "-m", "django", "spectacular", "--validate", "--fail-on-warn"]
        command += ["--format", "openapi-json", "--file", str(fresh)]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            return 1
        if _content(fresh) == _content(OPENAPI):
            return 0
    file = OPENAPI.relative_to(ROOT)
    sys.stderr.write(
        f"{file} is not what the code makes. Make it anew:\n"
        f"  python3 manage.py spectacular --format openapi-json --file {file}\n"
        "and then the page's types: npm run schema (in frontend/).\n"
    )
    return 1


def _content(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


if __name__ == "__main__":
    sys.exit(main())
