"""How much, how long, how often."""

import os
from datetime import timedelta
from typing import Final

LEASE_SECONDS: Final = float(os.environ.get("ANNEAL_BATCH_LEASE_SECONDS") or 30.0)
"""A silent worker loses its batch after this."""
READING_SECONDS: Final = 300
"""The lease while a file is read through or put together, which tells nothing meanwhile."""
RENEW_SECONDS: Final = LEASE_SECONDS / 3
TURN_SECONDS: Final = 60.0
"""How long a worker stays with one batch while others wait."""
STALLED_LIMIT: Final = 5
"""Claims in a row that may end without a new chunk or a step; then the batch has failed."""

CHUNK_ITEMS: Final = 4_096
CHUNK_TOKENS: Final = int(os.environ.get("ANNEAL_BATCH_CHUNK_TOKENS") or 65_536)
"""A chunk ends with the one it reaches first: some seconds of one machine, a MB in Redis."""
CHUNK_VALUES: Final = 1_048_576
"""Numbers that a chunk's answer may have: long vectors make chunks shorter."""
STRETCH_TEXTS: Final = 512
"""Texts that are tokenised together."""
AHEAD: Final = 2
"""Chunks that wait at the engine while one is run."""

MAX_REQUESTS: Final = 1_000_000
MAX_LINE_BYTES: Final = 8_000_000
DEFAULT_WINDOW_HOURS: Final = 24
MOST_WINDOW_HOURS: Final = 336
HOLD_MARGIN: Final = timedelta(days=2)
"""How long after the window's end the price stays held: an end needs a moment too."""
MAX_OPEN: Final = 100
"""Unfinished batches of one organization."""
