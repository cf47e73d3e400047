"""From an answered call to the rows that are kept of it: hidden first, then cut."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from mlworker.predictions.contracts import TEXT_LENGTH
from mlworker.predictions.redaction import Hidden, hide
from mlworker.serving.contracts import LogInfo

_MARGIN: Final = 1_000
"""Looked at beyond the cut, so that nothing is hidden by half: longer than any address."""


class KeptRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A row as it is written."""

    id: UUID
    created_at: datetime
    model: str
    text: str | None
    text_cut: bool
    hidden: int
    answer: dict[str, Any]
    labels: Sequence[str]
    score: float | None
    log: LogInfo | None = None
    """What its text was hidden by; not written."""


def row_of(
    log: LogInfo,
    *,
    prediction_id: UUID,
    created_at: datetime,
    model: str,
    text: str,
    found: Mapping[str, Any],
) -> KeptRow:
    """Return what is kept of one text and its answer."""
    hidden, cut = None, len(text) > TEXT_LENGTH
    if log.texts:
        hidden = hide(text[: TEXT_LENGTH + _MARGIN], log.redact, log.words)
    labels, score = _named(found)
    return KeptRow(
        id=prediction_id,
        created_at=created_at,
        model=model,
        text=None if hidden is None else _cut(hidden),
        text_cut=cut,
        hidden=0 if hidden is None else sum(start < TEXT_LENGTH for start, _, _ in hidden.spans),
        answer=_answer(found, hidden),
        labels=labels,
        score=score,
        log=log,
    )


def row_allowed(row: KeptRow, log: LogInfo) -> KeptRow:
    """Return a row as it may be written where ``log`` is what is asked for by now.

    A text that was hidden by less than that leaves, with the places of spans in it.
    """
    by = row.log
    if by and log.texts and {*log.redact} <= {*by.redact} and {*log.words} <= {*by.words}:
        return msgspec.structs.replace(row, log=None)
    return msgspec.structs.replace(
        row, text=None, hidden=0, answer=_answer(row.answer, None), log=None
    )


def _cut(hidden: Hidden) -> str:
    return hidden.text[: hidden.place(TEXT_LENGTH)]


def _named(found: Mapping[str, Any]) -> tuple[list[str], float | None]:
    """Return the labels of an answer, and how sure it is."""
    if "label" in found:
        return [found["label"]] if found["label"] is not None else [], found["score"]
    if "labels" in found:
        sure = [max(score, 1 - score) for score in found["scores"].values()]
        return list(found["labels"]), min(sure, default=None)
    entities = found.get("entities", ())
    scores = [entity["score"] for entity in entities]
    return sorted({entity["label"] for entity in entities}), min(scores, default=None)


def _answer(found: Mapping[str, Any], hidden: Hidden | None) -> dict[str, Any]:
    """Return the answer as it is kept: spans point into the kept text, and repeat nothing of it."""
    answer = dict(found)
    if "entities" in answer:
        answer["entities"] = [_entity(entity, hidden) for entity in answer["entities"]]
    return answer


def _entity(entity: Mapping[str, Any], hidden: Hidden | None) -> dict[str, Any]:
    kept = {"label": entity["label"], "score": entity["score"]}
    if hidden is None:
        return kept
    start, end = hidden.place(entity["start"]), hidden.place(entity["end"], end=True)
    if end > len(_cut(hidden)):
        return kept
    return {**kept, "start": start, "end": end}
