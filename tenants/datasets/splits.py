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


def split_assign(
    labels: Sequence[int], digests: Sequence[bytes], seed: int
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
