"""Run as a process of its own: logits of exported folders by stock transformers and peft.

Input on stdin: {"texts": [...], "folders": {name: [folder, model class, base or null]}}.
Output: {name: logits}, without what is padding.
"""

import json
import sys

import torch
import transformers
from peft import PeftModel
from safetensors.torch import load_file


def logits_of(folder: str, kind: str, base: str | None, texts: list[str]) -> list[object]:
    """Each text by itself: no padding can play a part."""
    cls = getattr(transformers, kind)
    if base is None:
        model = cls.from_pretrained(folder)
    else:
        plain = cls.from_pretrained(base, num_labels=_outputs(folder))
        model = PeftModel.from_pretrained(plain, folder)
    model.eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        return [
            model(**tokenizer(text, truncation=True, return_tensors="pt")).logits[0].tolist()
            for text in texts
        ]


def _outputs(folder: str) -> int:
    weights = load_file(f"{folder}/adapter_model.safetensors")
    return int(weights["base_model.model.classifier.weight"].shape[0])


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    found = {
        name: logits_of(folder, kind, base, asked["texts"])
        for name, (folder, kind, base) in asked["folders"].items()
    }
    json.dump(found, sys.stdout)
