"""Tokenizing whatever people send, and counting what they pay for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import EngineError
from mlworker.engine.tokenizer import TextTokenizer
from mlworker.engine.tokens import trained_tokens
from tests.unit.engine.conftest import write_run

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("ANNEAL_DATA", "../shared/data"))


@pytest.fixture(scope="module")
def tokenizer(minilm: BaseDirectory) -> TextTokenizer:
    return TextTokenizer.load(minilm.directory)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\x00",
        "a\x00b",
        "\ud800",
        "\udfff\ud800 mixed \ud83d",
        "\u202e\u200f\ufeff",
        "\U0010ffff" * 50,
        "e\u0301" * 500,
        "word " * 100_000,
        "x" * 1_000_000,
        "\n" * 100_000 + "end",
        "السلام 你好 नमस्ते",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_any_string_becomes_tokens(tokenizer: TextTokenizer, text: str) -> None:
    (encoded,) = tokenizer.encode([text], 64)
    assert 2 <= len(encoded.ids) <= 64


def test_naughty_strings_become_tokens(tokenizer: TextTokenizer) -> None:
    found = sorted(DATA.glob("naughty-strings/*.json"))
    strings = json.loads(found[0].read_text()) if found else ["\x01", "\u2028", "<script>"]
    assert all(item.ids for item in tokenizer.encode([str(text) for text in strings], 128))


def test_a_long_text_is_cut_and_said_to_be(tokenizer: TextTokenizer) -> None:
    long, short = tokenizer.encode(["good " * 300, "good"], 32)
    assert (len(long.ids), long.truncated) == (32, True)
    assert (len(short.ids), short.truncated) == (3, False)


def test_the_next_call_may_read_further(tokenizer: TextTokenizer) -> None:
    lengths = [len(tokenizer.encode(["good " * 300], limit)[0].ids) for limit in (16, 200, 16)]
    assert lengths == [16, 200, 16]


def test_a_folder_without_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(EngineError, match="not a tokenizer") as caught:
        TextTokenizer.load(tmp_path)
    assert caught.value.code == "base_corrupt"


@pytest.mark.parametrize(("tier", "expected"), [("lora", 300), ("head", 100)])
def test_a_head_is_charged_for_one_pass(tier: str, expected: int) -> None:
    assert trained_tokens(100, passes=3, tier=tier) == expected


@pytest.mark.parametrize(("tokens", "epochs"), [(-1, 1), (1, 0)])
def test_impossible_counts_are_refused(tokens: int, epochs: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        trained_tokens(tokens, passes=epochs, tier="lora")


@pytest.mark.parametrize(
    "module",
    [
        "contracts",
        "tokens",
        "tokenizer",
        "durable",
        "checkpoint",
        "artifact_manifest",
        "training.config",
        "base.locate",
        "data.batches",
        "tasks",
    ],
)
def test_the_web_may_import_it_without_torch(module: str) -> None:
    code = (
        f"import sys, mlworker.engine.{module}; "
        "sys.exit(any(n in sys.modules for n in ('torch', 'transformers', 'peft', 'django')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_training_loads_nothing_of_the_web_no_transformers_and_no_compiler(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    write_run(tmp_path, tiny, "lora", rows=20, config={"epochs": 1})
    unwanted = ("transformers", "peft", "django", "celery", "sympy", "torch._dynamo.eval_frame")
    code = (
        "import sys; from mlworker.engine.trainer import main; "
        f"status = main(['--run-dir', {str(tmp_path)!r}]); "
        f"loaded = any(name in sys.modules for name in {unwanted}); "
        "import torch; callable(torch._dynamo.optimize) or sys.exit(2); sys.exit(status or loaded)"
    )
    pipe = subprocess.PIPE  # a trainer whose supervisor hangs up ends itself
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=pipe, stdout=subprocess.DEVNULL, cwd=ROOT
    ) as trainer:
        assert trainer.wait() == 0
    assert (tmp_path / "artifact").is_dir()
