"""Entries cut into chunks and tokenised. The same entries always give the same chunks, so a worker
that goes on after another one's death numbers them alike.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from anneal.kernel.errors import InvalidRequest
from mlworker.batches.contracts import EMBEDDINGS
from mlworker.batches.errors import RowInvalid
from mlworker.batches.limits import CHUNK_ITEMS, CHUNK_TOKENS, CHUNK_VALUES, STRETCH_TEXTS
from mlworker.batches.reading import Entry
from mlworker.batches.serves import Serves
from mlworker.engine.tokenizer import EncodedText

CHUNK_CHARACTERS: Final = 16_000_000
"""Texts are kept until their answers are written, however short the model reads them."""
STRETCH_CHARACTERS: Final = 1_000_000
_WIDEST_VECTOR: Final = 1_024

Encode = Callable[[list[str]], list[EncodedText]]


@dataclass(slots=True)
class Chunk:
    """Requests that are answered, stored and charged together."""

    number: int
    entries: list[Entry] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    truncated: list[bool] = field(default_factory=list)
    encoded: list[EncodedText] = field(default_factory=list)
    """Kept where answers speak of tokens."""
    tokens: "array[int]" = field(default_factory=lambda: array("i"))
    characters: int = 0

    @property
    def items(self) -> int:
        """How many texts the engine has to answer."""
        return len(self.lengths)


class Cutter:
    """Cuts the entries of one batch."""

    def __init__(self, serves: Serves, encode: Encode) -> None:
        self._serves, self._encode = serves, encode
        width = _WIDEST_VECTOR if serves.endpoint == EMBEDDINGS else max(1, len(serves.labels))
        # Of a token an answer says a tag and a score, however many labels there are.
        values = CHUNK_VALUES if serves.by_token else CHUNK_VALUES // width
        self._items = max(1, min(CHUNK_ITEMS, values))

    def cut(self, entries: Iterable[Entry], *, number: int) -> Iterator[Chunk]:
        """Yield chunks, the first one as ``number``."""
        chunk, stretch = Chunk(number), list[Entry]()
        texts = characters = 0
        for entry in entries:
            entry_check(self._serves, entry)
            stretch.append(entry)
            if entry.problem is None:
                texts += len(entry.texts)
                characters += sum(map(len, entry.texts))
            characters += entry.weight
            if max(texts, len(stretch)) < STRETCH_TEXTS and characters < STRETCH_CHARACTERS:
                continue
            self._add(chunk, stretch)
            stretch, texts, characters = [], 0, 0
            if self._full(chunk):
                yield chunk
                chunk = Chunk(chunk.number + 1)
        self._add(chunk, stretch)
        if chunk.entries:
            yield chunk

    def _add(self, chunk: Chunk, stretch: list[Entry]) -> None:
        chunk.entries += stretch
        chunk.characters += sum(entry.weight for entry in stretch)
        texts = [text for entry in stretch if entry.problem is None for text in entry.texts]
        if not texts:
            return
        for row in self._encode(texts):
            chunk.lengths.append(len(row.ids))
            chunk.truncated.append(row.truncated)
            chunk.tokens.extend(row.ids)
            if self._serves.by_token:
                chunk.encoded.append(row)
        chunk.characters += sum(map(len, texts))

    def _full(self, chunk: Chunk) -> bool:
        return (
            chunk.items >= self._items
            or len(chunk.entries) >= CHUNK_ITEMS
            or len(chunk.tokens) >= CHUNK_TOKENS
            or chunk.characters >= CHUNK_CHARACTERS
        )


def entry_check(serves: Serves, entry: Entry) -> None:
    """Give an entry that the batch's model cannot answer its problem."""
    if entry.problem is not None:
        return
    unfit = serves.unfit(entry.options)
    if unfit:
        entry.problem = InvalidRequest(
            f"{unfit} does nothing for this model: its task is {serves.task}. Leave it out.",
            param=f"body.{unfit}",
        )
    elif entry.model and entry.model != serves.model:
        entry.problem = RowInvalid(
            f"The batch's model is '{serves.model}', that of its first line: put requests to"
            " another model into a batch of their own.",
            param="body.model",
        )
