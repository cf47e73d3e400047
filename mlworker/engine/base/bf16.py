"""An encoder whose blocks run in bf16: half the bytes, and products that processors have units for.

Embeddings and pooler stay float32, as do the heads, which are no part of it. Sums are rounded to
8 bits after each product, so an answer moves by up to a hundredth: whether that is good enough,
rows with known answers of the very model must tell (evaluation/precision.py).
"""

from __future__ import annotations

import torch

from mlworker.engine.base.bert import BLOCKS, Bert


def bf16_of(bert: Bert) -> Bert:
    """The same encoder with its blocks in bf16; shares all else, and what is in bf16 already."""
    with torch.device("meta"):
        result = Bert(bert.config)
    state = {
        name: value.to(torch.bfloat16) if name.startswith(BLOCKS) else value
        for name, value in bert.state_dict().items()
    }
    result.load_state_dict(state, strict=True, assign=True)
    result.dtype = torch.bfloat16
    return result.requires_grad_(False).eval()
