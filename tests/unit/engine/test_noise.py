"""Dropout: as much as was asked for, everywhere anew, and the same however a batch is cut."""

import random
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mlworker.engine import noise
from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.data.packing import COARSE, pack_rows
from mlworker.engine.device import ByDevice
from mlworker.engine.link import LocalLink
from mlworker.engine.noise import drop, noise_begin
from mlworker.engine.training.run import Run
from tests.unit.engine.conftest import write_run

WIDTH = 384
LENGTHS = [7, 3, 7, 12, 4, 9, 3, 5]


def _noise(rows: list[int], *, seed: int = 5, share: float = 0.25, draws: int = 1) -> Tensor:
    """What is left of ones, [draws, tokens, WIDTH], in the rows' own order."""
    packed = pack_rows([[1] * LENGTHS[row] for row in rows], "cpu", COARSE)
    noise_begin(seed, packed, [rows[place] for place in packed.order])
    whole = torch.ones(packed.ids.shape[0], WIDTH)
    drawn = torch.stack([drop(whole, share, rows_only=False) for _ in range(draws)])
    places = [
        torch.arange(int(packed.starts[place]), int(packed.starts[place]) + LENGTHS[row])
        for row, place in zip(rows, packed.inverse.tolist(), strict=True)
    ]
    return drawn[:, torch.cat(places)]


def test_as_much_is_dropped_as_was_asked_for_and_the_mean_stays() -> None:
    for share in (0.1, 0.25, 0.9):
        left = _noise(list(range(8)), share=share, draws=4)
        assert sorted(set(left.flatten().tolist())) == pytest.approx([0, 1 / (1 - share)])
        # 77,000 numbers: their share is good to 0.002
        assert float((left == 0).float().mean()) == pytest.approx(share, abs=0.008)


def test_no_two_of_rows_places_columns_draws_and_seeds_are_alike() -> None:
    """Kept together as often as chance has it: 0.75 times 0.75 of the numbers."""
    first, second = _noise(list(range(8)), draws=2) > 0
    other = _noise(list(range(8)), seed=6)[0] > 0
    pairs = [
        (first, second),
        (first, other),
        (first[:-1], first[1:]),
        (first[:, :-1], first[:, 1:]),
        (first[:7], first[10:17]),  # rows 0 and 2, which are equally long
    ]
    for one, two in pairs:
        assert float((one & two).float().mean()) == pytest.approx(0.5625, abs=0.03)


def test_a_batch_that_is_cut_meets_the_same_noise() -> None:
    whole = _noise(list(range(8)), draws=2)
    ends = torch.tensor(LENGTHS).cumsum(0).tolist()
    spans = list(zip([0, *ends], ends, strict=False))
    for part in ([0, 2, 4, 6], [7, 5, 3, 1]):
        expected = torch.cat([whole[:, spans[row][0] : spans[row][1]] for row in part], dim=1)
        assert torch.equal(_noise(part, draws=2), expected)


@pytest.mark.parametrize("places", [2, 8])
def test_noise_that_is_drawn_ahead_is_the_same(
    places: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _noise(list(range(8)), draws=11)
    monkeypatch.setattr(noise, "_AHEAD", ByDevice(cpu=places, accelerator=places))
    assert torch.equal(_noise(list(range(8)), draws=11), expected)


def test_noise_drawn_ahead_for_one_kind_of_place_is_not_anothers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two readings of two blocks and a head, as where a row is read twice."""

    def reading() -> list[Tensor]:
        packed = pack_rows([[1] * length for length in LENGTHS], "cpu", COARSE)
        noise_begin(3, packed, packed.order)
        tokens, rows = torch.ones(packed.ids.shape[0], 64), torch.ones(packed.rows, 64)
        return [
            drop(x, share, rows_only=x is rows)
            for _ in range(2)
            for x, share in ((tokens, 0.1), (tokens, 0.1), (rows, 0.3))
        ]

    expected = reading()
    monkeypatch.setattr(noise, "_AHEAD", ByDevice(cpu=8, accelerator=8))
    for one, other in zip(reading(), expected, strict=True):
        assert torch.equal(one, other)


def test_rows_have_a_noise_of_their_own() -> None:
    packed = pack_rows([[1] * length for length in LENGTHS], "cpu", COARSE)
    noise_begin(3, packed, packed.order)
    left = drop(torch.ones(len(LENGTHS), 20_000), 0.5, rows_only=True) > 0
    assert left.float().mean(dim=1).tolist() == pytest.approx([0.5] * 8, abs=0.02)
    assert float((left[0] & left[1]).float().mean()) == pytest.approx(0.25, abs=0.02)


class Polite(LocalLink):
    """Somebody is served now and then, as chance has it."""

    def poll(self) -> None:
        self.polite = random.random() < 0.5


@pytest.mark.parametrize("tier", ["lora", "full"])
def test_a_run_beside_calls_ends_as_one_without_them(
    tier: str, tmp_path: Path, tiny: BaseDirectory
) -> None:
    config: dict[str, object] = {
        "epochs": 3,
        "batch_tokens": 450,
        "hidden_dropout": 0.1,
        "dropout": 0.3,
        "patience": 0,
        "seed": 2**31 - 1,  # the largest there is
    }
    found = []
    for link in (LocalLink(), Polite()):
        folder = tmp_path / type(link).__name__
        Run(folder, write_run(folder, tiny, tier, config=config), link).execute()
        found.append(load_artifact(folder / "artifact").tensors)
    assert found[0].keys() == found[1].keys()
    for name, one in found[0].items():
        torch.testing.assert_close(one, found[1][name], rtol=1e-3, atol=1e-5)
