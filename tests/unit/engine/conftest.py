"""A tiny BERT on disk, runs on it, and the trainer as a real child process."""

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mlworker.engine.base.locate import BaseDirectory, base_at, file_sha256, locate_base
from mlworker.engine.contracts import BaseReference, TrainSpec
from tests.unit.engine.forking import Forked

LABELS = ("bad", "good")
GOOD = ["wonderful", "delightful", "superb", "charming", "brilliant", "lovely"]
BAD = ["awful", "dreadful", "boring", "terrible", "clumsy", "horrible"]
FILLER = ["the", "film", "story", "was", "and", "with", "a", "scene", "actor", "plot", "really"]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Tests share the machine; results must not depend on the thread count."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def minilm() -> BaseDirectory:
    return locate_base("minilm-l6")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, minilm: BaseDirectory) -> BaseDirectory:
    """Two blocks of width 32 with random weights and MiniLM's tokenizer."""
    return write_base(tmp_path_factory.mktemp("tiny"), minilm)


@pytest.fixture(scope="session")
def thin(tmp_path_factory: pytest.TempPathFactory, minilm: BaseDirectory) -> BaseDirectory:
    """The same with one block, for what takes seconds a block."""
    return write_base(tmp_path_factory.mktemp("thin"), minilm, blocks=1)


def write_base(
    folder: Path, minilm: BaseDirectory, scale: float = 0.1, blocks: int = 2
) -> BaseDirectory:
    """A BERT folder as `transformers` would save it."""
    config = json.loads((minilm.directory / "config.json").read_text())
    config |= {
        "hidden_size": 32,
        "num_hidden_layers": blocks,
        "num_attention_heads": 4,
        "intermediate_size": 64,
    }
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / name).write_bytes((minilm.directory / name).read_bytes())
    generator = torch.Generator().manual_seed(7)
    weights = {
        name: torch.randn(shape, generator=generator) * scale for name, shape in _shapes(config)
    }
    for name in weights:
        if name.endswith("LayerNorm.weight"):
            weights[name] += 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return base_at("tiny", folder, file_sha256(folder / "model.safetensors"))


def _shapes(config: dict[str, int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    yield "embeddings.word_embeddings.weight", (config["vocab_size"], hidden)
    yield "embeddings.position_embeddings.weight", (config["max_position_embeddings"], hidden)
    yield "embeddings.token_type_embeddings.weight", (config["type_vocab_size"], hidden)
    yield "embeddings.LayerNorm.weight", (hidden,)
    yield "embeddings.LayerNorm.bias", (hidden,)
    yield "pooler.dense.weight", (hidden, hidden)
    yield "pooler.dense.bias", (hidden,)
    for block in range(config["num_hidden_layers"]):
        for name, out, width in (
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", inner, hidden),
            ("output.dense", hidden, inner),
        ):
            yield f"encoder.layer.{block}.{name}.weight", (out, width)
            yield f"encoder.layer.{block}.{name}.bias", (out,)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            yield f"encoder.layer.{block}.{name}.weight", (hidden,)
            yield f"encoder.layer.{block}.{name}.bias", (hidden,)


def sentences(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Rows whose opinion words tell the label."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        label = LABELS[number % 2]
        words = chance.choices(FILLER, k=chance.randint(3, 25))
        words[chance.randrange(len(words))] = chance.choice(GOOD if label == "good" else BAD)
        rows.append({"row_id": f"r{number}", "text": " ".join(words), "label": label})
    return rows


def write_run(
    folder: Path,
    base: BaseDirectory,
    tier: str,
    *,
    rows: int = 80,
    config: dict[str, object] | None = None,
    train: list[dict[str, str]] | None = None,
    **spec: object,
) -> TrainSpec:
    """A run folder as a supervisor prepares it; returns its specification."""
    folder.mkdir(parents=True, exist_ok=True)
    splits = {
        "train": sentences(rows) if train is None else train,
        "validation": sentences(24, seed=1),
        "test": sentences(24, seed=2),
    }
    for split, lines in splits.items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{split}.jsonl").write_text(text)
    made = TrainSpec(
        task="text_classification",
        tier=tier,
        labels=LABELS,
        base=BaseReference(base.id, str(base.directory), base.weights_sha256),
        config={**({} if tier == "head" else {"batch_tokens": 128}), "precision": "fp32"}
        | (config or {}),
        threads=1,
        **spec,
    )
    made.write(folder)
    return made


def _commanded(folder: Path) -> "subprocess.Popen[str]":
    """Start the trainer as its supervisor does."""
    return subprocess.Popen(
        [sys.executable, "-m", "mlworker.engine.trainer", "--run-dir", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[3],
        text=True,
        start_new_session=True,
    )


class Child:
    """The trainer as its supervisor sees it."""

    def __init__(self, process: "subprocess.Popen[str] | Forked") -> None:
        self.process = process
        self.messages: list[dict[str, object]] = []

    def say(self, **command: object) -> None:
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def until(self, kind: str, **fields: object) -> dict[str, object]:
        """Read up to the first message of a kind; fails when the child ends before it."""
        for line in self.process.stdout:
            message = json.loads(line)
            self.messages.append(message)
            if message["type"] == kind and fields.items() <= message.items():
                return message
        raise AssertionError(f"no {kind} before the end: {self.process.stderr.read()[-2000:]}")

    def wait(self) -> int:
        """Read all that is left and give the exit code; standard input stays open meanwhile."""
        self.messages += [json.loads(line) for line in self.process.stdout]
        return self.process.wait(timeout=60)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                continue


Start = Callable[[Path], Child]


@contextmanager
def _children(begin: Callable[[Path], "subprocess.Popen[str] | Forked"]) -> Iterator[Start]:
    """Start children; whatever still runs at the end is killed."""
    children: list[Child] = []

    def start(folder: Path) -> Child:
        children.append(Child(begin(folder)))
        return children[-1]

    yield start
    for child in children:
        child.close()


@pytest.fixture
def start() -> Iterator[Start]:
    """A trainer in a process of its own, quickly."""
    with _children(Forked) as begin:
        yield begin


@pytest.fixture
def start_command() -> Iterator[Start]:
    """The same by its command: its imports take seconds."""
    with _children(_commanded) as begin:
        yield begin
