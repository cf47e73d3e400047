"""Tier full on an accelerator: weights are rounded once a step, and learn as they did before."""

import copy

import torch
from torch import Tensor

from mlworker.engine.base.bert import Bert
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.data.packing import PackedRows, pack_rows
from mlworker.engine.training.config import resolve_auto
from mlworker.engine.training.full_model import FullModel

ROWS = pack_rows([[5, 6, 7], [8, 9, 10, 11, 12], [13, 14]])


def _models(base: BaseDirectory) -> tuple[FullModel, FullModel]:
    """One that rounds at each use, and one that rounds ahead as on an accelerator."""
    config = resolve_auto({}, rows=100, classes=2, tier="full")
    bert = Bert.load(base)
    torch.manual_seed(0)
    plain = FullModel(copy.deepcopy(bert), config, 2, torch.bfloat16)
    ahead = FullModel(copy.deepcopy(bert), config, 2, torch.bfloat16)
    ahead._round_ahead(torch.bfloat16)
    ahead.restore(plain.tensors())
    ahead.refresh()
    return plain.eval(), ahead.eval()


def _gradients(model: FullModel, packed: PackedRows) -> dict[str, Tensor]:
    names = [name for name, _ in model.named()]
    found = torch.autograd.grad(model(packed).square().sum(), model.leaves())
    return dict(zip(names, found, strict=True))


def test_weights_rounded_ahead_answer_and_learn_as_those_rounded_at_each_use(
    tiny: BaseDirectory,
) -> None:
    plain, ahead = _models(tiny)

    assert torch.equal(plain(ROWS), ahead(ROWS))
    expected, found = _gradients(plain, ROWS), _gradients(ahead, ROWS)
    assert expected.keys() == found.keys()
    for name, gradient in expected.items():
        assert torch.equal(found[name].float(), gradient), name


def test_steps_too_small_for_the_format_are_kept_and_read_once_they_add_up(
    tiny: BaseDirectory,
) -> None:
    _, ahead = _models(tiny)
    before, name = ahead(ROWS), next(iter(ahead._rounded))
    weight = dict(ahead.named())["full." + name]
    first = weight.detach().clone()

    with torch.no_grad():
        for _ in range(64):
            weight *= 1 + 2**-12  # bf16 has eight bits
    assert torch.equal(ahead(ROWS), before)
    ahead.refresh()

    torch.testing.assert_close(weight.detach(), first * (1 + 2**-12) ** 64)
    assert not torch.equal(ahead(ROWS), before)
