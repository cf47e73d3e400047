"""An installation without bases of its own, and a base to add to it."""

from pathlib import Path
from typing import Any

import pytest
from transformers import RobertaConfig, RobertaModel

from mlworker.engine.base.locate import locate_base


@pytest.fixture
def bases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANNEAL_BASES", str(tmp_path / "bases"))
    return tmp_path / "bases"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A tiny RoBERTa in Hugging Face layout."""
    folder = tmp_path / "source"
    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 32}
    RobertaModel(
        RobertaConfig(
            vocab_size=30522,
            num_attention_heads=2,
            max_position_embeddings=130,
            type_vocab_size=1,
            **sizes,
        )
    ).save_pretrained(folder)
    name = "tokenizer.json"
    (folder / name).write_bytes((locate_base("minilm-l6").directory / name).read_bytes())
    return folder
