"""Text to token ids by the Rust `tokenizers` library; no torch.

Any string is accepted: lone surrogates become U+FFFD, and a text far longer than the model can
read is cut before it is tokenized, so that cost is bounded by `max_length`, not by the sender.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tokenizers import Encoding, Tokenizer

from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.engine.words import Words

# A fork after the Rust pool has started would warn and switch it off at a random moment.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

_SURROGATES = re.compile("[\ud800-\udfff]")
_MAX_TOKENIZER_BYTES = 64_000_000
_CHARACTERS_PER_TOKEN = 64
_MIN_CHARACTERS = 16_384


@dataclass(frozen=True, slots=True)
class EncodedText:
    """Token ids with special tokens; `truncated` when the text had more than max_length."""

    ids: list[int]
    truncated: bool
    spans: list[tuple[int, int]] = field(default_factory=list)
    """Characters of each token, where words were asked for; offsets in the text as it was given."""
    words: list[int | None] = field(default_factory=list)
    """The word each token is a piece of; None for special tokens."""


class TextTokenizer:
    """The tokenizer.json of a base, without its padding and truncation settings."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._words = Words.of(tokenizer)
        self._max_length = 0

    @classmethod
    def load(cls, directory: Path | str) -> Self:
        """Read `tokenizer.json` of a base folder; EngineError(base_corrupt) when it is none."""
        path = Path(directory) / "tokenizer.json"
        try:
            if path.stat().st_size > _MAX_TOKENIZER_BYTES:
                raise ValueError("larger than 64 MB")
            return cls(Tokenizer.from_file(str(path)))
        # tokenizers raises plain Exception for every malformed file
        except Exception as error:
            raise EngineError(
                ErrorCode.BASE_CORRUPT, f"{path} is not a tokenizer: {error}"
            ) from error

    @property
    def vocabulary_size(self) -> int:
        """How many ids there are, added tokens included."""
        return self._tokenizer.get_vocab_size(with_added_tokens=True)

    def encode(
        self, texts: Sequence[str], max_length: int, *, words: bool = False
    ) -> list[EncodedText]:
        """Ids of each text, at most `max_length` long, special tokens included.

        `words` also tells which characters and which word each token stands for.
        """
        if max_length != self._max_length:
            self._tokenizer.enable_truncation(max_length=max_length)
            self._max_length = max_length
        limit = max(_MIN_CHARACTERS, _CHARACTERS_PER_TOKEN * max_length)
        cleaned = [_clean(text, limit) for text in texts]
        if words:
            return [
                EncodedText(
                    encoding.ids,
                    bool(encoding.overflowing) or len(text) > limit,
                    encoding.offsets,
                    encoding.word_ids,
                )
                for encoding, text in zip(self._tokenizer.encode_batch(cleaned), texts, strict=True)
            ]
        found = [self._words and self._words.encode(text, max_length) for text in cleaned]
        rest = [text for text, known in zip(cleaned, found, strict=True) if known is None]
        encodings = iter(self._tokenizer.encode_batch_fast(rest) if rest else ())
        return [
            EncodedText(ids, truncated or len(text) > limit)
            for (ids, truncated), text in zip(
                (known or _parts(next(encodings)) for known in found), texts, strict=True
            )
        ]


def _parts(encoding: Encoding) -> tuple[list[int], bool]:
    return encoding.ids, bool(encoding.overflowing)


def _clean(text: str, limit: int) -> str:
    return _SURROGATES.sub("\ufffd", text[:limit])
