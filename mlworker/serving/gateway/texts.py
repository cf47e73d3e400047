"""Texts to tokens in the web process: long work goes to a thread."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from mlworker.engine.base.locate import locate_base
from mlworker.engine.tasks.base import Source
from mlworker.engine.tokenizer import EncodedText, TextTokenizer
from mlworker.serving.protocol import tokens_pack

INLINE_CHARACTERS: Final = 4_000
"""Above this many characters a request is tokenised in a thread (about 1 ms of work)."""


Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Tokens:
    """A request's rows as the engine wants them."""

    lengths: list[int]
    packed: bytes
    truncated: int
    encoded: list[EncodedText]
    """Which characters each token stands for, where that was asked."""


class Tokenisers:
    """Two tokenizers of each base: a length limit is state, so loop and thread never share one."""

    def __init__(self) -> None:
        self._inline: dict[str, TextTokenizer] = {}
        self._aside: dict[str, TextTokenizer] = {}
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tokenise")

    async def encode(
        self, base: str, max_length: int, texts: list[str], *, words: bool = False
    ) -> Tokens:
        """Return the tokens of each text, cut at ``max_length``; ``words`` with their places."""
        tokenizer = self._inline.get(base)
        if tokenizer is not None and sum(map(len, texts)) <= INLINE_CHARACTERS:
            return _encode(tokenizer, max_length, texts, words=words)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._work, base, max_length, texts, words)

    async def aside(self, work: Callable[[list[str]], Result], texts: list[str]) -> Result:
        """Do other long work on texts in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, texts)

    def _work(self, base: str, max_length: int, texts: list[str], words: bool) -> Tokens:
        if base not in self._aside:
            self._aside[base], self._inline[base] = _loaded(base), _loaded(base)
        return _encode(self._aside[base], max_length, texts, words=words)

    def close(self) -> None:
        """Let the thread go."""
        self._threads.shutdown(wait=False)


def sources_of(texts: list[str], tokens: Tokens) -> list[Source] | None:
    """Return each text with its tokens, where answers speak of these."""
    if not tokens.encoded:
        return None
    return [Source(*pair) for pair in zip(texts, tokens.encoded, strict=True)]


def _loaded(base: str) -> TextTokenizer:
    tokenizer = TextTokenizer.load(locate_base(base).directory)
    tokenizer.encode(["warm"], 8)
    return tokenizer


def _encode(tokenizer: TextTokenizer, max_length: int, texts: list[str], *, words: bool) -> Tokens:
    rows = tokenizer.encode(texts, max_length, words=words)
    lengths, packed = tokens_pack([row.ids for row in rows])
    return Tokens(lengths, packed, sum(row.truncated for row in rows), rows if words else [])
