"""What two readings of the same rows are pulled together by: R-Drop."""

from __future__ import annotations

import torch
from torch import Tensor

from mlworker.engine.tasks.base import IGNORED, Task


def divergence(task: Task, first: Tensor, second: Tensor, targets: Tensor) -> Tensor:
    """How far two readings' answers [lines, outputs] lie apart, summed over lines that are asked.

    The mean of the Kullback-Leibler divergences in both directions: of the labels' probabilities,
    of each label's yes and no (their mean over labels), of normal distributions around numbers.
    The logarithms of the normalizers cancel, which leaves half of (f(a) - f(b)) (a - b) for each.
    https://doi.org/10.48550/arXiv.2106.14448
    """
    a, b = first.float(), second.float()
    match task.stock.function:
        case "softmax":
            apart = ((a.softmax(-1) - b.softmax(-1)) * (a - b)).sum(-1)
            apart = torch.where(targets == IGNORED, 0.0, apart)
        case "sigmoid":
            apart = ((a.sigmoid() - b.sigmoid()) * (a - b)).mean(-1)
        case _:
            apart = (a - b).square().sum(-1)
    return apart.sum() / 2
