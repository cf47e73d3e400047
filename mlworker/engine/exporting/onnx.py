"""ONNX files of an exported Hugging Face folder.

Stock transformers' own model is traced, so what is written is what everybody else runs. Nothing
here is imported unless an export asks for it: onnx, onnxscript and transformers take seconds.
"""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

MODEL: Final = "model.onnx"
OPSET: Final = 18
INPUTS: Final = ("input_ids", "attention_mask")


class _Logits(nn.Module):
    """A model whose answer is one tensor: what a file can promise."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """[R, T], [R, T] -> [R, C], or [R, T, C] where each token is asked."""
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def onnx_write(folder: Path, out: Path) -> Path:
    """Write the ONNX file of a Hugging Face folder; any number of rows and tokens goes in."""
    import transformers  # noqa: PLC0415 # seconds

    with _quiet():
        (architecture,) = json.loads((folder / "config.json").read_text("utf-8"))["architectures"]
        model = (
            getattr(transformers, architecture)
            .from_pretrained(folder, attn_implementation="eager")
            .eval()
        )
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
