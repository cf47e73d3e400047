"""The usual recipe, as tutorials print it: every parameter, float32, padded to 128, batch 16.

AdamW at 2e-5 without fused kernels, stock `transformers` model and forward.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mlworker.engine.base.locate import BaseDirectory

MAX_LENGTH = 128
BATCH = 16
LEARNING_RATE = 2e-5
_EVAL_BATCH = 64


@dataclass(frozen=True, slots=True)
class NaiveResult:
    """Accuracy after each epoch and the training time up to it (evaluation not counted)."""

    accuracy: tuple[float, ...]
    seconds: tuple[float, ...]
    rows_per_second: float


def naive_fine_tune(
    base: BaseDirectory,
    train: Sequence[tuple[str, int]],
    test: Sequence[tuple[str, int]],
    *,
    labels: int,
    epochs: int,
    seed: int,
) -> NaiveResult:
    """Train on (text, target) pairs and test after each epoch."""
    # transformers is the comparator here; the engine itself does without
    from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: PLC0415

    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(base.directory)
    model = AutoModelForSequenceClassification.from_pretrained(base.directory, num_labels=labels)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, fused=False, foreach=False)

    def encode(pairs: Sequence[tuple[str, int]]) -> dict[str, Tensor]:
        batch = tokenizer(
            [text for text, _ in pairs],
            padding="max_length",
            truncation=True,
            max_length=MAX_LENGTH,
            return_tensors="pt",
        )
        return dict(batch)

    def accuracy() -> float:
        model.eval()
        hits = 0
        with torch.inference_mode():
            for start in range(0, len(test), _EVAL_BATCH):
                pairs = test[start : start + _EVAL_BATCH]
                called = model(**encode(pairs)).logits.argmax(dim=1)
                hits += int((called == torch.tensor([target for _, target in pairs])).sum())
        return hits / len(test)

    reached: list[float] = []
    seconds: list[float] = []
    spent = 0.0
    for _ in range(epochs):
        model.train()
        since = time.perf_counter()
        order = torch.randperm(len(train)).tolist()
        for start in range(0, len(order), BATCH):
            pairs = [train[place] for place in order[start : start + BATCH]]
            targets = torch.tensor([target for _, target in pairs])
            optimizer.zero_grad()
            model(**encode(pairs), labels=targets).loss.backward()
            optimizer.step()
        spent += time.perf_counter() - since
        seconds.append(spent)
        reached.append(accuracy())
    return NaiveResult(tuple(reached), tuple(seconds), epochs * len(train) / spent)
