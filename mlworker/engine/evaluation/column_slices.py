"""Slices of the reported rows by further columns of their file: where is the model worse?

A column of few values is cut by value, one of many numbers by quartile; what is missing is a slice
of its own. Each slice has the task's figure with its interval and, when it is not tiny, a test
whether it is worse than all other rows. Who asks about many slices finds a bad one by luck, so
p-values are those of S. Holm, A simple sequentially rejective multiple test procedure,
Scandinavian Journal of Statistics 6:65 (1979): ascending, the i-th of m times m - i + 1.

No value stands here: a slice names a row that has it, a range those of its ends, so that values go
with their dataset.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlworker.engine.contracts import Json
from mlworker.engine.evaluation.bootstrap import ratio
from mlworker.engine.evaluation.counts import Floats, Ints
from mlworker.engine.evaluation.intervals import LEVEL, RESAMPLES, Interval, wilson
from mlworker.engine.evaluation.significance import SIGNIFICANT, grouped, holm, subset_p
from mlworker.engine.evaluation.subject import Scored

Mask = npt.NDArray[np.bool_]
MOST_VALUES = 20
"""Values of a column that are slices of their own; rarer ones are one together."""
LEAST_ROWS = 10
"""Smaller slices are shown without a verdict, as are those that leave fewer rows to compare."""
METHOD = "subset_randomization"
_CHUNK = 2_000_000
"""Counts drawn at a time, so that memory stays small and a stop is heard."""
_GROUPS = 512
"""Different errors of a slice whose mean is drawn anew; nearer ones are taken together."""
_LONGEST = 100
"""Digits of a number that is read as one."""


@dataclass(frozen=True)
class _Slice:
    """Rows of one column: `kind` value, range, other or missing."""

    kind: str
    mask: Mask
    facts: Mapping[str, Json]


def column_slices(
    metas: Sequence[Mapping[str, object]],
    row_ids: Ints,
    scored: Scored,
    *,
    seed: int,
    between: Callable[[], None],
) -> dict[str, Json] | None:
    """The report's part; None where the rows have no further columns."""
    names = sorted({name for meta in metas for name in meta})
    if not names:
        return None
    columns: list[tuple[str, str, list[_Slice]]] = []
    skipped: list[Json] = []
    for name in names:
        kind, slices = _cut([meta.get(name) for meta in metas], row_ids)
        if slices:
            columns.append((name, kind, slices))
        else:
            skipped.append({"column": name, "reason": kind})
    verdicts = _verdicts([one for _, _, slices in columns for one in slices], scored, seed, between)
    shown: list[Json] = []
    at = 0
    for name, kind, slices in columns:
        lines: list[Json] = []
        for one in slices:
            lines.append({**_measured(one, scored, seed, between), **verdicts[at]})
            at += 1
        shown.append({"column": name, "kind": kind, "slices": lines})
    return {
        "figure": scored.figure,
        "higher_is_better": scored.higher_is_better,
        "level": SIGNIFICANT,
        "method": METHOD,
        "correction": "holm",
        "tested": sum(line["p_value"] is not None for line in verdicts),
        "least_rows": LEAST_ROWS,
        "columns": shown,
        "skipped": skipped,
    }


def _cut(values: Sequence[object], row_ids: Ints) -> tuple[str, list[_Slice]]:
    """(category, number or boolean; slices), or why there are none (all_different, same; [])."""
    missing = np.array([_is_missing(value) for value in values], dtype=bool)
    present = [value for value, gone in zip(values, missing, strict=True) if not gone]
    numbers = [_number(value) for value in present]
    texts = [_text(value) for value in values]
    counts = Counter(text for text, gone in zip(texts, missing, strict=True) if not gone)
    few = len(counts) <= MOST_VALUES and 2 * len(counts) <= len(present)
    end = [_Slice("missing", missing, {})] if missing.any() else []
    if not counts or (len(counts) < 2 and not end):
        return "same", []
    if not few and None not in numbers:
        found = np.full(len(values), np.nan)
        found[~missing] = [number for number in numbers if number is not None]
        return "number", [*_quartiles(found, missing, row_ids), *end]
    if 2 * len(counts) > len(present):
        return "all_different", []
    ordered = sorted(counts, key=lambda text: (-counts[text], text))
    if few and None not in numbers:
        ordered = sorted(counts, key=float)
    places: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        if not missing[place]:
            places.setdefault(text, []).append(place)
    slices: list[_Slice] = []
    rest = ~missing
    for text in ordered[:MOST_VALUES]:
        mask = np.zeros(len(values), dtype=bool)
        mask[places[text]] = True
        rest &= ~mask
        slices.append(_Slice("value", mask, {"row": int(row_ids[places[text][0]])}))
    if rest.any():
        slices.append(_Slice("other", rest, {"values": len(ordered) - MOST_VALUES}))
    boolean = all(text in ("true", "false") for text in ordered)
    return ("boolean" if boolean else "category"), [*slices, *end]


def _quartiles(numbers: Floats, missing: Mask, row_ids: Ints) -> list[_Slice]:
    known = numbers[~missing]
    edges = np.unique(np.quantile(known, [0.25, 0.5, 0.75], method="inverted_cdf"))
    place = np.searchsorted(edges, numbers)
    slices = []
    for part in range(len(edges) + 1):
        mask = (place == part) & ~missing
        if mask.any():
            low = int(np.where(mask, numbers, np.inf).argmin())
            high = int(np.where(mask, numbers, -np.inf).argmax())
            facts: dict[str, Json] = {"row": int(row_ids[low]), "high_row": int(row_ids[high])}
            slices.append(_Slice("range", mask, facts))
    return slices


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _text(value: object) -> str:
    """One spelling for what is the same: true and True, 1 and 1.0."""
    if isinstance(value, bool):
        return "true" if value else "false"
    number = _number(value)
    if number is not None:
        return repr(number)
    text = str(value).strip()
    return text.lower() if text.lower() in ("true", "false") else text


def _number(value: object) -> float | None:
    """A number, also one that a cell of a CSV file holds as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    # float() would also take 1_000, nan, and other digits than these
    if isinstance(value, str) and (
        not value.isascii()
        or "_" in value
        or len(value) > _LONGEST
        or not any(map(str.isdigit, value))
    ):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _verdicts(
    slices: Sequence[_Slice], scored: Scored, seed: int, between: Callable[[], None]
) -> list[dict[str, Json]]:
    """Of each slice the p-value after Holm and the verdict; None where it is not tested."""
    whole = scored.above.sum() / max(scored.below.sum(), 1e-12)
    sign = 1.0 if scored.higher_is_better else -1.0
    # Below 0 together exactly where the slice's figure is worse than that of all rows.
    worth = sign * (scored.above - whole * scored.below)
    raw: list[float | None] = []
    for one in slices:
        size = int(one.mask.sum())
        enough = min(size, len(one.mask) - size) >= LEAST_ROWS and scored.below[one.mask].any()
        raw.append(subset_p(worth, one.mask, seed=seed) if enough else None)
        between()
    corrected = iter(holm([p for p in raw if p is not None]))
    lines: list[dict[str, Json]] = []
    for p in raw:
        if p is None:
            lines.append({"p_value": None, "verdict": None})
            continue
        after = next(corrected)
        verdict = "worse" if after < SIGNIFICANT else "not_separable"
        lines.append({"p_value": after, "verdict": verdict})
    return lines


def _measured(
    one: _Slice, scored: Scored, seed: int, between: Callable[[], None]
) -> dict[str, Json]:
    found = _figure(scored, one.mask, seed, between)
    rest = scored.below[~one.mask].sum()
    return {
        "kind": one.kind,
        **one.facts,
        "rows": int(one.mask.sum()),
        "figure": None if found is None else dict(found.as_dict()),
        "rest": float(scored.above[~one.mask].sum() / rest) if rest else None,
    }


def _figure(scored: Scored, mask: Mask, seed: int, between: Callable[[], None]) -> Interval | None:
    """The figure of a slice, by percentile bootstrap; of 0 and 1, and where no draw moves it, by
    Wilson. None where the slice has nothing to count, as texts without any entity."""
    above, below = scored.above[mask], scored.below[mask]
    if not below.any():
        return None
    value, cases = float(above.sum() / below.sum()), int(scored.cases[mask].sum())
    if cases and (below == 1).all() and np.isin(above, (0, 1)).all():
        return wilson(value, cases)
    if (below == 1).all():
        values, place = grouped(above, _GROUPS)
        above = values[place]
    # Rows that add the same are drawn together: one multinomial draw is a whole resample.
    kinds, counts = np.unique(np.stack((above, below), axis=1), axis=0, return_counts=True)
    rows, random = len(above), np.random.default_rng(seed)
    step, parts = max(1, _CHUNK // len(kinds)), []
    for start in range(0, RESAMPLES, step):
        size = min(step, RESAMPLES - start)
        sums = random.multinomial(rows, counts / rows, size=size) @ kinds
        parts.append(ratio(sums[:, 0], sums[:, 1]))
        between()
    low, high = np.quantile(np.concatenate(parts), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if low == high and cases:
        return wilson(value, cases)
    return Interval(value, min(float(low), value), max(float(high), value))
