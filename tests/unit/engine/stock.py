"""What stock libraries make of exports: run alone, as somebody else's program.

A line on standard input: {"folder", "base" (for an adapter alone), "outputs", "texts"}; the answer
is a line too: the logits of each text, without what is padding.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
import transformers
from peft import PeftModel

_KINDS = {"SEQ_CLS": "SequenceClassification", "TOKEN_CLS": "TokenClassification"}


def answers(folder: Path, base: str | None, outputs: int, texts: list[str]) -> Iterator[Any]:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    if (folder / "model.onnx").is_file():
        session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
        batch = tokenizer(texts, padding=True, truncation=True, return_tensors="np")
        inputs = {name: batch[name].astype(np.int64) for name in ("input_ids", "attention_mask")}
        logits = torch.from_numpy(session.run(["logits"], inputs)[0])
        mask = torch.from_numpy(inputs["attention_mask"])
    else:
        batch = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        with torch.no_grad():
            logits = _model(folder, base, outputs)(**batch).logits
        mask = batch["attention_mask"]
    for row, present in zip(logits, mask, strict=True):
        yield (row if row.dim() == 1 else row[present == 1]).tolist()


def _model(folder: Path, base: str | None, outputs: int) -> Any:
    if base is None:
        (kind,) = json.loads((folder / "config.json").read_text())["architectures"]
        return getattr(transformers, kind).from_pretrained(folder).eval()
    kind = _KINDS[json.loads((folder / "adapter_config.json").read_text())["task_type"]]
    plain = getattr(transformers, f"AutoModelFor{kind}").from_pretrained(base, num_labels=outputs)
    return PeftModel.from_pretrained(plain, folder).eval()


def main() -> None:
    torch.set_num_threads(1)
    for line in sys.stdin:
        asked = json.loads(line)
        folder = Path(asked["folder"])
        found = list(answers(folder, asked["base"], asked["outputs"], asked["texts"]))
        assert not any(name.split(".")[0] == "mlworker" for name in sys.modules)
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
