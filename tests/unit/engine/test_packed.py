"""Packed bf16 weights: the same numbers as plain ones, for few rows and many, shared and not."""

import pytest
import torch

from mlworker.engine.artifact_manifest import FullEntry
from mlworker.engine.base.bert import LINEARS, Bert
from mlworker.engine.base.bf16 import bf16_of
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.base.packed import PackedLinear, can_pack, packed_of
from mlworker.engine.data.packing import SERVING, pack_rows
from mlworker.engine.inference import Resident, TokenRow, lanes
from tests.unit.engine.test_artifact import make_artifact

ROUNDING = 2**-7
"""Of values around 1: bf16 has 8 bits, and gelu's input is no longer rounded in between."""

packs = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available() or not torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    reason="this processor has no bf16 products to pack weights for",
)


@pytest.fixture(scope="module")
def half(tiny: BaseDirectory) -> Bert:
    return bf16_of(Bert.load(tiny))


@packs
@pytest.mark.parametrize("lines", [1, 16, 31, 700])
def test_a_packed_layer_says_what_a_plain_one_says(half: Bert, lines: int) -> None:
    plain = half.layers[0].intermediate
    packed = PackedLinear(plain)
    x = torch.randn(lines, plain.in_features).to(torch.bfloat16)

    with torch.inference_mode():
        torch.testing.assert_close(packed(x), plain(x), rtol=ROUNDING, atol=ROUNDING)
        torch.testing.assert_close(packed.gelu(x), plain.gelu(x), rtol=ROUNDING, atol=ROUNDING)


@packs
@pytest.mark.parametrize("rows", [1, 40])
def test_a_packed_encoder_says_what_a_plain_one_says(half: Bert, rows: int) -> None:
    packed = pack_rows([[101, *range(5, 6 + row), 102] for row in range(rows)], grain=SERVING)

    with torch.inference_mode():
        found, plain = (bert(packed).float() for bert in (packed_of(half), half))

    assert can_pack(half)
    assert float((found - plain).abs().max()) < 0.1
    assert float((found - plain).abs().mean()) < 0.01


@packs
def test_what_two_encoders_share_is_packed_once(half: Bert, tiny: BaseDirectory) -> None:
    first = packed_of(half)
    again = packed_of(half, known=(half, first))
    apart = packed_of(bf16_of(Bert.load(tiny)), known=(half, first))

    for one, two, three in zip(first.layers, again.layers, apart.layers, strict=True):
        assert all(getattr(one, name) is getattr(two, name) for name in LINEARS)
        assert all(getattr(one, name) is not getattr(three, name) for name in LINEARS)


@pytest.mark.parametrize("tier", ["lora", "full"])
def test_bf16_is_served_without_packing_where_a_machine_cannot(
    tier: str, tiny: BaseDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = make_artifact(tiny, tier, full=FullEntry(0, embeddings=False), logits=0.3)
    found = []
    for able in (True, False):
        monkeypatch.setattr(lanes, "can_pack", lambda bert, able=able: able and can_pack(bert))
        made = Resident.open(tiny, slots=1, precision="bfloat16")
        made.load(0, artifact)
        found.append(made.forward([TokenRow([101, 7, 8, 102], 0)])[0])

    assert found[0] == pytest.approx(found[1], abs=0.02)
