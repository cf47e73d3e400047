"""How large an upload may be. Every reader takes these, so that a test can make them small."""

from dataclasses import dataclass, replace
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds of one file. Crossing one refuses the file with a code of its own."""

    file_bytes: int = 100_000_000
    rows: int = 1_000_000
    columns: int = 1_000
    cell_characters: int = 1_000_000
    record_bytes: int = 8_000_000
    """One line of CSV or JSONL, or one object of a JSON array: what has to be held at once."""
    labels: int = 1_000
    label_characters: int = 256
    meta_columns: int = 20
    """Further columns that are kept with the rows."""
    meta_characters: int = 200
    """Of one value of theirs, and of a column's name."""
    sample_rows: int = 1_000
    """Rows looked at to find the columns and guess their meaning."""
    sample_bytes: int = 4_000_000
    quick_rows: int = 20_000
    """A file with more rows, or more bytes, is read in the background."""
    quick_bytes: int = 16_000_000
    batch_rows: int = 20_000
    long_tokens: int = 512


DEFAULT: Final = Limits()


def configured() -> Limits:
    """Return the limits with the installation's own ``DATASET_LIMITS`` laid over them."""
    from django.conf import settings  # noqa: PLC0415 # the readers stay usable without Django

    own: dict[str, Any] = getattr(settings, "DATASET_LIMITS", {})
    return replace(DEFAULT, **own)
