"""The usual recipe, as tutorials print it: every parameter, float32, padded to 128, batch 16.

AdamW at 2e-5 without fused kernels, stock `transformers` model and forward. On the accelerator when
there is one, still float32.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.device import pick_device, pick_dtype

MAX_LENGTH = 128
BATCH = 16
LEARNING_RATE = 2e-5
_EVAL_BATCH = 64
Numbered = tuple[str, int]


@dataclass(frozen=True, slots=True)
class NaiveResult:
    """Accuracy after each epoch and the training time up to it (evaluation not counted)."""

    accuracy: tuple[float, ...]
    seconds: tuple[float, ...]
    rows_per_second: float


def naive_fine_tune(
    base: BaseDirectory,
    train: Sequence[Numbered],
    test: Sequence[Numbered],
    *,
    labels: int,
    epochs: int,
    seed: int,
    cheaply: bool = False,
) -> NaiveResult:
    """Train on (text, target) pairs and test after each epoch.

    `cheaply` comes to the same accuracy in a fraction of the time, for seeds whose time nobody
    reads: a batch is padded to its own longest row, and products are bf16 where that is native.
    """
    # transformers is the comparator here; the engine itself does without
    from transformers import AutoModelForSequenceClassification  # noqa: PLC0415

    torch.manual_seed(seed)
    model = AutoModelForSequenceClassification.from_pretrained(base.directory, num_labels=labels)
    model.to(pick_device())
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, fused=cheaply, foreach=False
    )
    reader = _Reader(base, None if cheaply else MAX_LENGTH, rounded=cheaply)
    examiner = _Reader(base, None, rounded=cheaply)
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
            reader.answer(model, pairs, labels=targets).loss.backward()
            optimizer.step()
        if pick_device().type == "cuda":
            torch.cuda.synchronize()
        spent += time.perf_counter() - since
        seconds.append(spent)
        reached.append(_accuracy(model, examiner, test))
    return NaiveResult(tuple(reached), tuple(seconds), epochs * len(train) / spent)


class _Reader:
    """Tokenizes a batch and gives it to the model.

    `width` None pads to the batch's longest row; `rounded` means bf16 where that is native.
    """

    def __init__(self, base: BaseDirectory, width: int | None, *, rounded: bool) -> None:
        from transformers import AutoTokenizer  # noqa: PLC0415 - as above

        self._tokenizer: Any = AutoTokenizer.from_pretrained(base.directory)
        self._padding = "longest" if width is None else "max_length"
        self._device = pick_device()
        native = pick_dtype("auto", self._device) == torch.bfloat16
        self._rounded = rounded and native

    def answer(
        self, model: Any, pairs: Sequence[Numbered], labels: torch.Tensor | None = None
    ) -> Any:
        """What the model says of the texts."""
        batch = self._tokenizer(
            [text for text, _ in pairs],
            padding=self._padding,
            truncation=True,
            max_length=MAX_LENGTH,
            return_tensors="pt",
        ).to(self._device)
        if labels is not None:
            labels = labels.to(self._device)
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._rounded):
            return model(**batch, labels=labels)


def _accuracy(model: Any, reader: _Reader, test: Sequence[Numbered]) -> float:
    """Share of the rows that the model gets right; rows of like length are read together."""
    model.eval()
    ordered = sorted(test, key=lambda pair: len(pair[0]))
    hits = 0
    with torch.inference_mode():
        for start in range(0, len(ordered), _EVAL_BATCH):
            pairs = ordered[start : start + _EVAL_BATCH]
            called = reader.answer(model, pairs).logits.argmax(dim=1)
            hits += int((called.cpu() == torch.tensor([target for _, target in pairs])).sum())
    return hits / len(ordered)
