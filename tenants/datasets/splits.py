"""The split of a version: stratified 80/10/10, fixed by a seed, the same on every machine."""

import hashlib
import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tenants.datasets.contracts import Split

SEED: Final = 42
SPLITS: Final = (Split.TRAIN, Split.VALIDATION, Split.TEST)
"""What the numbers 0, 1, 2 of ``split_assign`` mean."""
_SHARE: Final = 0.1
_CLOSEST: Final = 1e-6
"""Share of the numbers' size in which they must differ: models answer in float32."""


def split_counts(rows: int, turn: int) -> tuple[int, int]:
    """Return (validation, test) rows of a class with ``rows`` rows.

    A lone row trains. Of two, one trains and the other goes to validation or test by ``turn``, so
    that small classes do not all miss the same part. From three on each part has one at least.
    """
    if rows < 2:
        return 0, 0
    if rows == 2:
        return (1, 0) if turn % 2 == 0 else (0, 1)
    share = max(1, int(rows * _SHARE + 0.5))
    return share, share


def strata_rarest(rows: Sequence[tuple[int, ...]], labels: int) -> npt.NDArray[np.int32]:
    """Return the rarest label of each row as its class, those without any as one more.

    A rare label has few rows to share; a common one is shared out with the others anyway.
    """
    counts = np.bincount([code for row in rows for code in row], minlength=labels)
    return np.fromiter(
        (1 + min(row, key=lambda code: (counts[code], code)) if row else 0 for row in rows),
        dtype=np.int32,
        count=len(rows),
    )


def strata_numbers(values: Sequence[float]) -> npt.NDArray[np.int32]:
    """Return each number's place among ten classes of equal size; equal numbers share theirs."""
    numbers = np.asarray(values, dtype=np.float64)
    if not len(numbers):
        return np.zeros(0, dtype=np.int32)
    edges = np.unique(np.quantile(numbers, np.arange(1, 10) / 10))
    return np.searchsorted(edges, numbers, side="right").astype(np.int32)


def trained_ensure(parts: npt.NDArray[np.int8], rows: Sequence[tuple[int, ...]]) -> None:
    """Move rows to training where one of their labels would else never be seen there."""
    seen = {code for row, part in zip(rows, parts, strict=True) if part == 0 for code in row}
    for place, row in enumerate(rows):
        if parts[place] != 0 and not seen.issuperset(row):
            parts[place] = 0
            seen.update(row)


def numbers_ensure(parts: npt.NDArray[np.int8], values: Sequence[float]) -> None:
    """Move a row to training where all its rows have one number and other parts have another."""
    numbers = np.asarray(values, dtype=np.float64)
    trained = numbers[parts == 0]
    if len(trained) and (trained == trained[0]).all():
        parts[np.flatnonzero(numbers != trained[0])[:1]] = 0


def numbers_close(values: Sequence[float], parts: npt.NDArray[np.int8]) -> bool:
    """Say whether training numbers differ by less than a model can tell apart."""
    trained = np.asarray(values, dtype=np.float64)[parts[: len(values)] == 0]
    return bool(len(trained)) and not trained.std() > abs(trained.mean()) * _CLOSEST


def split_assign(
    labels: Sequence[int] | npt.NDArray[np.int32], digests: Sequence[bytes], seed: int
) -> npt.NDArray[np.int8]:
    """Return each row's part (0 train, 1 validation, 2 test), stratified by label.

    Rows of a class are ordered by a hash of seed and row content, so a row's part does not depend
    on its place in the file or on the machine, and mostly stays when rows are added.
    """
    key = seed.to_bytes(8, "big", signed=True)
    codes = np.asarray(labels, dtype=np.int32)
    ranks = np.fromiter(
        (int.from_bytes(hashlib.blake2b(d, digest_size=8, key=key).digest()) for d in digests),
        dtype=np.uint64,
        count=len(digests),
    )
    parts = np.zeros(len(codes), dtype=np.int8)
    order = np.lexsort((ranks, codes))  # by class, then by rank
    starts = np.searchsorted(codes[order], np.arange(int(codes.max(initial=-1)) + 2))
    for turn, (start, end) in enumerate(itertools.pairwise(starts)):
        validation, test = split_counts(int(end - start), turn)
        members = order[start:end]
        parts[members[:validation]] = 1
        parts[members[validation : validation + test]] = 2
    return parts
