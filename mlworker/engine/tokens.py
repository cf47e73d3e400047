"""How many tokens a training run is charged for; no torch.

trained tokens = sum over training rows of min(tokens, max_length) x passes; tier `head` reads the
rows once, so it counts one pass.
"""

from __future__ import annotations


def trained_tokens(tokens_per_pass: int, *, passes: int, tier: str) -> int:
    """Tokens to charge for a whole run that read `tokens_per_pass` tokens in one pass."""
    if tokens_per_pass < 0 or passes < 1:
        raise ValueError("tokens_per_pass must be >= 0 and passes >= 1")
    return tokens_per_pass if tier == "head" else tokens_per_pass * passes
