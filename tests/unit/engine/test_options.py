"""Every hyper-parameter reaches what it names: optimizer, schedule, dropout, what is frozen."""

import math
from pathlib import Path

import pytest
import torch

from mlworker.engine.artifact import Artifact, load_artifact
from mlworker.engine.base.bert import Bert
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import CheckpointMessage, DoneMessage
from mlworker.engine.data.packing import EXACT, pack_rows
from mlworker.engine.heads import QUERY
from mlworker.engine.link import LocalLink
from mlworker.engine.training.config import TrainConfig, resolve_auto
from mlworker.engine.training.full_model import FullModel
from mlworker.engine.training.lora_model import LoraModel
from mlworker.engine.training.optimizers import optimizer_for, schedule_share
from mlworker.engine.training.run import Run
from mlworker.engine.training.trainable import Trainable
from tests.unit.engine.conftest import write_run


def _config(tier: str = "full", **values: object) -> TrainConfig:
    return resolve_auto(values, rows=80, classes=2, tier=tier, width=32)


def _trained(
    folder: Path, base: BaseDirectory, tier: str, **config: object
) -> tuple[Artifact, DoneMessage]:
    spec = write_run(folder, base, tier, config={"epochs": 2, **config})
    done = Run(folder, spec, LocalLink()).execute()
    return load_artifact(folder / "artifact"), done


def _model(base: BaseDirectory, tier: str, **values: object) -> Trainable:
    torch.manual_seed(0)
    kind = FullModel if tier == "full" else LoraModel
    return kind(Bert.load(base), _config(tier, **values), 2)


@pytest.mark.parametrize(
    ("values", "kind", "facts"),
    [
        ({}, torch.optim.AdamW, {"lr": 1e-4}),
        ({"optimizer": "adam", "learning_rate": 0.01}, torch.optim.Adam, {"lr": 0.01}),
        ({"optimizer": "sgd", "momentum": 0.7}, torch.optim.SGD, {"lr": 0.01, "momentum": 0.7}),
    ],
)
def test_the_optimizer_is_the_one_named(
    values: dict[str, object], kind: type, facts: dict[str, float], tiny: BaseDirectory
) -> None:
    made = optimizer_for(_model(tiny, "full", **values), _config(**values, weight_decay=0.3))
    assert type(made) is kind
    assert all(facts.items() <= group.items() for group in made.param_groups)
    kinds = [
        (group["weight_decay"], {one.dim() for one in group["params"]})
        for group in made.param_groups
    ]
    assert kinds == [(0.3, {2}), (0.0, {1})] * 2


@pytest.mark.parametrize("tier", ["lora", "full"])
def test_the_last_layer_learns_at_its_own_rate(
    tier: str, tmp_path: Path, tiny: BaseDirectory
) -> None:
    moved = {}
    for times in (1.0, 8.0):
        artifact, _ = _trained(
            tmp_path / str(times),
            tiny,
            tier,
            epochs=1,
            learning_rate=1e-5,
            head_rate=times,
            optimizer="sgd",
            momentum=0.0,
            max_grad_norm=100.0,
        )
        moved[times] = artifact.tensors["head.bias"].double()
    # the bias begins with nothing, and such small steps of plain SGD change its gradient little
    assert torch.allclose(moved[8.0], 8 * moved[1.0], rtol=0.02, atol=0)


@pytest.mark.parametrize(
    ("scheduler", "half", "last"),
    [("linear", 0.5, 1 / 90), ("cosine", 0.5, 0.000305), ("constant", 1.0, 1.0)],
)
def test_the_schedule_rises_and_then_does_as_it_is_named(
    scheduler: str, half: float, last: float
) -> None:
    config = _config(scheduler=scheduler, warmup_fraction=0.1)
    shares = [schedule_share(config, step, 100) for step in range(100)]
    assert shares[:10] == sorted(shares[:10])
    assert 0 < shares[0] < 0.1
    assert shares[10] == pytest.approx(1.0)
    assert shares[55] == pytest.approx(half)
    assert shares[99] == pytest.approx(last, rel=0.01)
    assert max(shares) <= 1.0


@pytest.mark.parametrize("tier", ["lora", "full"])
def test_hidden_dropout_acts_in_training_alone_and_not_in_frozen_blocks(
    tier: str, tiny: BaseDirectory
) -> None:
    packed = pack_rows([[101, 2000, 2001, 102], [101, 102]], torch.device("cpu"), EXACT)
    model = _model(tiny, tier, hidden_dropout=0.5, dropout=0.0)
    with torch.no_grad():
        assert not torch.equal(model.train()(packed), model(packed))
        assert torch.equal(model.eval()(packed), model(packed))
        frozen = _model(tiny, tier, hidden_dropout=0.5, dropout=0.0, frozen_layers=2).train()
        assert torch.equal(frozen(packed), frozen(packed))
        head = _model(tiny, tier, hidden_dropout=0.0, dropout=0.5).train()
        assert not torch.equal(head(packed), head(packed))


@pytest.mark.parametrize(
    ("values", "blocks", "embeddings"),
    [
        ({}, {"0", "1"}, False),
        ({"frozen_layers": 1}, {"1"}, False),
        ({"frozen_layers": 2}, set(), False),
        ({"embeddings": "trained"}, {"0", "1"}, True),
        ({"pooling": "first"}, {"0", "1"}, False),
    ],
)
def test_a_full_model_trains_and_keeps_what_is_not_frozen(
    values: dict[str, object],
    blocks: set[str],
    embeddings: bool,
    tiny: BaseDirectory,
    tmp_path: Path,
) -> None:
    artifact, _ = _trained(tmp_path, tiny, "full", learning_rate=0.01, **values)
    own = {name.removeprefix("full."): value for name, value in artifact.tensors.items()}
    base = Bert.load(tiny).state_dict()
    assert {name.split(".")[1] for name in own if name.startswith("layers.")} == blocks
    assert ("words.weight" in own) == embeddings
    first = values.get("pooling") == "first"
    assert ("pooler.weight" in own) == first
    assert (QUERY in own) == (not first)
    assert artifact.manifest.pooling == ("cls" if first else "attention")
    assert all(
        not torch.equal(value, base[name])
        for name, value in own.items()
        if name.endswith("weight") and name in base
    )


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        ("all", {"qkv", "attention_output", "intermediate", "output"}),
        ("attention", {"qkv", "attention_output"}),
        ("query_value", {"qkv"}),
        ("feed_forward", {"intermediate", "output"}),
    ],
)
def test_adapters_are_where_the_targets_say(
    targets: str, names: set[str], tiny: BaseDirectory, tmp_path: Path
) -> None:
    values = {"lora_targets": targets, "frozen_layers": 1, "learning_rate": 0.01}
    artifact, _ = _trained(tmp_path, tiny, "lora", **values)
    keys = {name.split(".")[1] for name in artifact.tensors if name.startswith("lora.")}
    assert keys == {"pooler"} | {f"1_{name}" for name in names}
    if targets == "query_value":
        query, key, value = artifact.tensors["lora.1_qkv.b"]
        assert not key.any()
        assert query.any()
        assert value.any()


def test_a_checkpoint_leaves_out_what_is_frozen(tiny: BaseDirectory, tmp_path: Path) -> None:
    sizes = {}
    for embeddings in ("frozen", "trained"):
        folder = tmp_path / embeddings
        values = {"epochs": 1, "embeddings": embeddings}
        spec = write_run(folder, tiny, "full", config=values, checkpoint_seconds=0.0)
        link = LocalLink()
        Run(folder, spec, link).execute()
        saved = [item for item in link.messages if isinstance(item, CheckpointMessage)]
        sizes[embeddings] = saved[-1].bytes
    words = 30_522 * 32 * 4
    assert sizes["frozen"] < words / 2
    assert sizes["trained"] > 4 * words


def test_bf16_keeps_float32_weights_and_answers_nearly_the_same(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    models = {
        precision: _trained(tmp_path / precision, tiny, "full", precision=precision)[0]
        for precision in ("fp32", "bf16")
    }
    first, second = (models[each].tensors["full.layers.1.qkv.weight"] for each in ("fp32", "bf16"))
    assert not torch.equal(second, second.bfloat16().float())
    torch.testing.assert_close(first, second, atol=2e-2, rtol=0.1)


def test_full_training_learns(tiny: BaseDirectory, tmp_path: Path) -> None:
    config = {"epochs": 15, "learning_rate": 3e-3, "embeddings": "trained", "patience": 0}
    done = Run(
        tmp_path, write_run(tmp_path, tiny, "full", rows=240, config=config), LocalLink()
    ).execute()
    test = done.metrics["test"]
    assert isinstance(test, dict)
    assert float(str(test["accuracy"])) > 0.9
    assert math.isfinite(float(str(test["loss"])))
