"""Texts to tokens in the web process."""

import asyncio
from collections.abc import Iterator

import pytest

from mlworker.engine.base.locate import locate_base
from mlworker.engine.tokenizer import TextTokenizer
from mlworker.serving.gateway.texts import INLINE_CHARACTERS, Tokenisers

BASE = "minilm-l6"
SHORT, LONG = "a film " * 40, "a film " * INLINE_CHARACTERS


@pytest.fixture
def tokenisers() -> Iterator[Tokenisers]:
    made = Tokenisers()
    yield made
    made.close()


def test_models_of_many_lengths_take_no_more_memory_than_one(
    tokenisers: Tokenisers, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[object] = []
    load = TextTokenizer.load

    def counted(directory: object) -> TextTokenizer:
        loads.append(directory)
        return load(locate_base(BASE).directory)

    monkeypatch.setattr(TextTokenizer, "load", counted)

    async def play() -> list[int]:
        found = []
        for length in range(8, 28):
            for text in (SHORT, LONG):
                found += (await tokenisers.encode(BASE, length, [text])).lengths
        return found

    assert asyncio.run(play()) == [length for length in range(8, 28) for _ in range(2)]
    assert len(loads) == 2  # six megabytes each, and more as words come


def test_lengths_do_not_mix_when_loop_and_thread_work_at_once(tokenisers: Tokenisers) -> None:
    async def play() -> list[list[int]]:
        await tokenisers.encode(BASE, 64, [SHORT])
        asked = [
            tokenisers.encode(BASE, length, [text])
            for length in (9, 64, 17, 33)
            for text in (LONG, SHORT)
        ]
        return [tokens.lengths for tokens in await asyncio.gather(*asked)]

    assert asyncio.run(play()) == [[length] for length in (9, 64, 17, 33) for _ in range(2)]
