#!/usr/bin/env python3
"""The one entry to Anneal: `up`, `test`, `bench`, `doctor`, `lock`, every Django command.

Any Python from 3.6 on must be able to read this file, so that an old one gets a sentence.
"""

import os
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))
OLDEST, NEWEST = (3, 11), (3, 14)


def main() -> None:
    """Build the environment if it is not there, then run the command in it."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        found = f"{sys.version_info[0]}.{sys.version_info[1]} ({sys.executable})"
        sys.exit(
            "Anneal needs Python 3.11 to 3.14 and this is Python " + found + ". "
            "Run the command again with one of those, for example: python3.12 manage.py up"
        )
    sys.path.insert(1, os.path.join(ROOT, "platform"))
    from anneal.local.preamble import environment_ensure  # noqa: PLC0415 - after the version check

    environment_ensure(sys.argv[1:])
    from anneal.local.entry import run  # noqa: PLC0415 - needs the environment

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
