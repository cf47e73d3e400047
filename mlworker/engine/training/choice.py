"""Which weights of a run are the best: those with the lowest validation loss once softened.

Late in a short training the model is surer than it should be. Its loss rises although it is right
as often or more, and the plain loss would keep weights that have hardly learnt. One number undoes
that: scores are softened to where the loss is lowest, and no answer changes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.tasks.base import Task

_SHARES = tuple(0.95**power for power in range(33))
"""Of the logits, from all to a fifth. Never more than all: a few rows that are all right would ask
for certainty."""


def softened(task: Task, logits: Tensor, split: EncodedSplit) -> tuple[float, float]:
    """(mean loss, share) where that share of the logits has the lowest loss on the split.

    A task whose logits are no scores, as a number's, is taken as it is.
    """
    targets = task.tensor(split.targets)
    size = max(task.size(split.targets), 1)
    shares = _SHARES if task.stock.function != "none" else _SHARES[:1]
    with torch.no_grad():
        losses = [float(task.loss(logits * share, targets, None, 0.0)) / size for share in shares]
    best = min(range(len(losses)), key=losses.__getitem__)
    return losses[best], shares[best]
