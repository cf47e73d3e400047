"""Envelopes and answers survive the trip through Redis."""

from array import array

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlworker.serving.protocol import (
    Answer,
    Envelope,
    ModelSpec,
    Work,
    answers_decode,
    answers_encode,
    envelope_decode,
    envelope_encode,
    tokens_pack,
)

SPEC = ModelSpec("v1", "lora", "organizations/a/model.tar", "ab" * 32, 2)
rows = st.lists(
    st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=20), min_size=1, max_size=9
)


@given(rows=rows, number=st.integers(0, 2**62), deadline=st.floats(0, 4e9))
def test_an_envelope_comes_back_as_it_left(
    rows: list[list[int]], number: int, deadline: float
) -> None:
    lengths, packed = tokens_pack(rows)
    sent = Envelope("gw", 1.5, [Work(number, b"o" * 16, SPEC, deadline, lengths, packed)])

    back = envelope_decode(envelope_encode(sent))

    assert back == sent


@given(rows=rows)
def test_lengths_cut_the_packed_tokens_into_the_same_rows(rows: list[list[int]]) -> None:
    lengths, packed = tokens_pack(rows)
    flat = array("i")
    flat.frombytes(packed)

    cut = [[flat.pop(0) for _ in range(length)] for length in lengths]

    assert cut == rows
    assert not flat


def test_the_first_byte_counts_deliveries() -> None:
    envelope = Envelope("gw", 0.0, [])

    assert envelope_encode(envelope)[:1] == b"1"
    assert envelope_encode(envelope, again=True)[:1] == b"2"
    assert envelope_decode(envelope_encode(envelope, again=True)) == envelope


def test_answers_come_back_as_they_left() -> None:
    answers = [
        Answer(1, 2, array("f", [0.25, 0.75]).tobytes(), 1.0, 2.0),
        Answer(2, 0, b"", 0, 0, "x"),
    ]

    assert answers_decode(answers_encode(answers)) == answers


@pytest.mark.parametrize("raw", [b"", b"1", b"1\xc1", b"1{}", b"1\x93\x01\x02\x03"])
def test_foreign_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        envelope_decode(raw)
