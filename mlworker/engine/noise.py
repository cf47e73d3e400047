"""Dropout from a thread's own randomness: torch's generator is shared by all threads."""

from __future__ import annotations

import threading

import torch
import torch.nn.functional as F
from torch import Tensor


class _Noise(threading.local):
    generator: torch.Generator | None = None


_noise = _Noise()


def noise_seed(seed: int, device: torch.device) -> None:
    """Begin a part's randomness anew, in this thread; seeds are equal modulo 2**63."""
    seed %= 2**63  # a job's seed, its step and its part multiplied pass what torch takes
    if device.type != "cpu":
        torch.manual_seed(seed)
        return
    if _noise.generator is None:
        _noise.generator = torch.Generator()
    _noise.generator.manual_seed(seed)


def drop(x: Tensor, share: float) -> Tensor:
    """Dropout, as torch has it, from this thread's randomness."""
    if x.device.type != "cpu" or _noise.generator is None:
        return F.dropout(x, share)
    kept = torch.empty_like(x).bernoulli_(1 - share, generator=_noise.generator)
    return x * kept.div_(1 - share)
