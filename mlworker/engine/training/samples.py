"""Best and worst rows of an evaluation during training, by number: texts stay with the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from torch import Tensor

from mlworker.engine.contracts import Json
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.tasks.base import Row, Task

EACH = 3
"""Rows named from either end."""
MOST = 1_000
"""Rows that are looked at: an evaluation must not become the work."""
_LABEL = 80


def judged(rows: Sequence[Row]) -> list[Row]:
    """What is kept of the rows between evaluations: their texts would only take memory."""
    return [
        {"row_id": row.get("row_id", at), "label": row.get("label")}
        for at, row in enumerate(rows[:MOST])
    ]


def samples_of(
    task: Task,
    logits: Tensor,
    split: EncodedSplit,
    labels: Sequence[str],
    rows: Sequence[Row],
) -> dict[str, Json]:
    """`worst` and `best`: row number, label, answer and loss; the farthest out comes first.

    Answers about tokens are spans of a text, which is not at hand: their rows carry a loss alone.
    """
    losses = _losses(task, logits, split)
    order = sorted(range(len(losses)), key=losses.__getitem__)
    answers = task.answers(logits) if task.level == "row" else None
    each = min(EACH, len(order) // 2)

    def sample(at: int) -> Json:
        found: dict[str, Json] = {"row": str(rows[at]["row_id"]), "loss": losses[at]}
        if answers is not None:
            told = task.prediction(answers[at].tolist(), labels)
            found["label"] = _short(rows[at].get("label"))
            found["predicted"] = _short(_answer(told))
        return found

    return {
        "worst": [sample(at) for at in order[::-1][:each]],
        "best": [sample(at) for at in order[:each]],
    }


def _losses(task: Task, logits: Tensor, split: EncodedSplit) -> list[float]:
    """Loss of each of the first rows, as training adds it up, without smoothing and weights.

    One after the other: the first use of `vmap` takes longer than ten thousand of these.
    """
    losses, start = [], 0
    for target, ids in zip(split.targets[:MOST], split.ids, strict=False):
        end = start + (1 if task.level == "row" else len(ids))
        loss = float(task.loss(logits[start:end], task.tensor([target]), None, 0.0))
        losses.append(round(loss / max(task.size([target]), 1), 4))
        start = end
    return losses


def _answer(told: Mapping[str, Json]) -> object:
    return next((told[name] for name in ("label", "labels", "value") if name in told), "")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else ""
    if isinstance(value, list):
        names = cast("list[Mapping[str, object] | str]", value)
        text = ", ".join(str(n if isinstance(n, str) else n.get("label", "")) for n in names)
    elif isinstance(value, float):
        text = f"{value:.6g}"
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"
