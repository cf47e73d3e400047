"""All that a child with a model in its hands learns of its surroundings. No torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


def child_environment(run_dir: Path, *kept: str, **settings: str) -> dict[str, str]:
    """No addresses, no passwords, no keys: paths, `settings`, and the variables named in `kept`."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "LANG": "C.UTF-8",
        "HOME": str(run_dir),
        "TMPDIR": str(run_dir),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        **{name: os.environ[name] for name in ("LD_LIBRARY_PATH", *kept) if name in os.environ},
        **settings,
    }
