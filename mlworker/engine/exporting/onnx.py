"""ONNX files of an exported Hugging Face folder, and the gate that int8 has to pass.

Stock transformers' own model is traced, so what is written is what everybody else runs. Nothing
here is imported unless an export asks for it: onnx, onnxscript and transformers take seconds.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from mlworker.engine.data.batches import plan_batches
from mlworker.engine.tokenizer import TextTokenizer

MODEL: Final = "model.onnx"
OPSET: Final = 18
INPUTS: Final = ("input_ids", "attention_mask")
_TOKENS: Final = 2_048
_BATCH: Final = 64


class _Logits(nn.Module):
    """A classifier whose answer is one tensor: what a file can promise."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """[R, T], [R, T] -> [R, C]."""
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def onnx_write(folder: Path, out: Path) -> Path:
    """Write the ONNX file of a Hugging Face classifier; any number of rows and tokens goes in."""
    from transformers import (  # noqa: PLC0415 # seconds
        AutoModelForSequenceClassification,
    )

    with _quiet():
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, attn_implementation="eager"
        ).eval()
        ids = torch.ones(2, 9, dtype=torch.long)
        mask = torch.ones(2, 9, dtype=torch.long)
        mask[1, 5:] = 0
        longest = int(model.config.max_position_embeddings)
        shape = {0: torch.export.Dim("rows"), 1: torch.export.Dim("tokens", max=longest)}
        program = torch.onnx.export(
            _Logits(model),
            (ids, mask),
            dynamo=True,
            verbose=False,
            input_names=list(INPUTS),
            output_names=["logits"],
            dynamic_shapes=(shape, shape),
            opset_version=OPSET,
        )
        if program is None:
            raise AssertionError("The dynamo exporter returns its program.")
        program.save(out)
    return out


def onnx_quantize(source: Path, out: Path) -> Path:
    """Write the same model with weights in 8 bits, each output channel with its own scale."""
    with _quiet():
        from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 # seconds

        quantize_dynamic(source, out, weight_type=QuantType.QInt8, per_channel=True)
    return out


@dataclass(frozen=True, slots=True)
class Gate:
    """What int8 costs and brings, on rows with known answers that the model never learned from."""

    rows: int
    split: str
    accuracy: float
    accuracy_int8: float
    agreement: float
    """Share of the rows on which both say the same."""
    speed_up: float
    """Time of float32 over time of int8, one thread of the exporting machine."""

    @property
    def loss(self) -> float:
        """By how much int8 answers worse; below 0 it answers better."""
        return self.accuracy - self.accuracy_int8


def gate_run(full: Path, small: Path, folder: Path, rows: Path, max_length: int) -> Gate:
    """Answer the rows with both files and compare."""
    lines = [json.loads(line) for line in rows.read_text("utf-8").splitlines()]
    labels = list(json.loads((folder / "config.json").read_text("utf-8"))["label2id"])
    encoded = TextTokenizer.load(folder).encode([row["text"] for row in lines], max_length)
    ids = [item.ids for item in encoded]
    wanted = np.array([labels.index(row["label"]) for row in lines])
    found, seconds = _answers(full, ids)
    found_small, seconds_small = _answers(small, ids)
    return Gate(
        rows=len(lines),
        split=str(lines[0]["split"]),
        accuracy=float((found == wanted).mean()),
        accuracy_int8=float((found_small == wanted).mean()),
        agreement=float((found == found_small).mean()),
        speed_up=seconds / seconds_small,
    )


def _answers(model: Path, rows: Sequence[Sequence[int]]) -> tuple[Any, float]:
    import onnxruntime  # noqa: PLC0415 # only int8 needs it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    answers = np.zeros(len(rows), dtype=np.int64)
    begin = time.perf_counter()
    for batch in plan_batches([len(row) for row in rows], token_budget=_TOKENS, max_rows=_BATCH):
        width = max(len(rows[place]) for place in batch)
        ids = np.zeros((len(batch), width), dtype=np.int64)
        mask = np.zeros_like(ids)
        for line, place in enumerate(batch):
            ids[line, : len(rows[place])] = rows[place]
            mask[line, : len(rows[place])] = 1
        logits = session.run(["logits"], dict(zip(INPUTS, (ids, mask), strict=True)))[0]
        answers[batch] = np.asarray(logits).argmax(axis=1)
    return answers, time.perf_counter() - begin


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporters tell their users about themselves; ours is waiting for a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
