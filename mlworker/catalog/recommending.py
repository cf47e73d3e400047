"""Which base to begin with: by task, language, number of rows, and what is on this installation.

A rule of thumb that can be read, not an oracle: few rows want a small base or a good one of few
steps; many rows repay a larger one. What cannot be used here is listed after what can.
"""

from typing import Final, Literal

from mlworker.catalog.contracts import BaseModelCard, Reason, Recommendation
from mlworker.catalog.selectors import base_models, how_to_add

Prefer = Literal["auto", "fast", "accurate"]

ANY: Final = "many"
"""A card's language that stands for about a hundred."""
FEW_ROWS: Final = 300
MANY_ROWS: Final = 20_000
SHOWN: Final = 5

_SIZES: Final = {"fast": 0, "balanced": 1, "accurate": 2}


def recommend(
    *, task: str, language: str | None = None, rows: int | None = None, prefer: Prefer = "auto"
) -> list[Recommendation]:
    """Return up to five bases, the best first; those usable here before those that are not."""
    wanted = _wanted(rows, prefer)
    found = [card for card in base_models() if task in card.tasks and _speaks(card, language)]
    found.sort(
        key=lambda card: (
            not card.usable,
            not card.trainable,
            abs(_SIZES[card.character] - wanted),
            _breadth(card, language),
            -_SIZES[card.character],
            card.size_parameters,
            -card.created,
            card.id,
        )
    )
    return [
        Recommendation(card, _tier(rows), tuple(_reasons(card, language, rows, prefer)))
        for card in found[:SHOWN]
    ]


def _wanted(rows: int | None, prefer: Prefer) -> int:
    if prefer in _SIZES:
        return _SIZES[prefer]
    if rows is None:
        return _SIZES["balanced"]
    return _SIZES["fast" if rows < FEW_ROWS else "accurate" if rows >= MANY_ROWS else "balanced"]


def _tier(rows: int | None) -> str:
    return "head" if rows is not None and rows < FEW_ROWS else "lora"


def _speaks(card: BaseModelCard, language: str | None) -> bool:
    if language is None or not card.languages:
        return True
    return language in card.languages or ANY in card.languages


def _breadth(card: BaseModelCard, language: str | None) -> int:
    """A base of one language reads it better than one of a hundred; without one, breadth helps."""
    broad = len(card.languages) > 1
    return int(broad) if language is not None else 0


def _reasons(
    card: BaseModelCard, language: str | None, rows: int | None, prefer: Prefer
) -> list[Reason]:
    reasons = []
    if card.usable:
        reasons.append(Reason("here", "It is on this installation."))
    elif card.trainable:
        reasons.append(Reason("absent", f"Not on this installation yet: {how_to_add(card)}."))
    else:
        reasons.append(
            Reason("untrainable", "This version of Anneal cannot train its architecture yet.")
        )
    if language is not None and card.languages:
        alone = card.languages == (language,)
        reasons.append(
            Reason("language_own", "Made for this language.")
            if alone
            else Reason("language_among", "Knows this language among others.")
        )
    if prefer == card.character:
        reasons.append(Reason(f"prefer_{prefer}", f"It is {prefer}, as you prefer."))
    elif prefer == "auto" and rows is not None and card.character == "fast" and rows < FEW_ROWS:
        reasons.append(Reason("few_rows", "With few rows a small base learns as much."))
    elif prefer == "auto" and (rows or 0) >= MANY_ROWS and card.character == "accurate":
        reasons.append(Reason("many_rows", "Many rows repay a more accurate base."))
    return reasons
