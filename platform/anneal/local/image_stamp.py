"""Declares the present interpreter an image's environment: `python -m anneal.local.image_stamp`."""

from __future__ import annotations

import sys
from pathlib import Path

from anneal.local.preamble import stamp_write

if __name__ == "__main__":
    stamp_write(Path(sys.prefix), dev=False, image=True)
