"""Words kept: the same ids as the library's, whatever the text."""

import random
import string
from collections.abc import Callable
from itertools import pairwise

import pytest
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel, WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer, Whitespace
from tokenizers.processors import TemplateProcessing

from mlworker.engine import words
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.tokenizer import TextTokenizer
from mlworker.engine.words import Words

ODD = [
    "",
    " ",
    "\t\n\r",
    "A [MASK] in the middle, and a [mask]",
    "[CLS] [SEP] [ CLS ] [UNK",
    "x" * 99 + " " + "y" * 100 + " " + "z" * 101,
    'word-word_word\'s "quoted" (etc.)... #tag @you $5.00 50% a/b a\\b ^~`|<>{}',
    "control \x01\x02 \x7f and \x1c unit",
    "no\xa0break, caf\xe9, na\u0308ive, \u4e2d\u6587 and \U0001f600",
    "\ud800 half",
    "##ing ## ing",
    "TITLE Case MiXeD 123abc456 1,000.50",
]


@pytest.fixture(scope="module")
def tokenizer(minilm: BaseDirectory) -> TextTokenizer:
    return TextTokenizer.load(minilm.directory)


def _made(count: int) -> list[str]:
    dice = random.Random(7)
    letters = string.printable + "  \x00\x1d\xe9\u4e2d["
    return ["".join(dice.choices(letters, k=dice.randint(0, 120))) for _ in range(count)]


def _spoken(count: int) -> list[str]:
    dice = random.Random(8)
    common = "the film's unwatchable Really? good, BAD uncharacteristically 1999 ok... re-make"
    return [" ".join(dice.choices(common.split(), k=dice.randint(1, 60))) for _ in range(count)]


@pytest.mark.parametrize("max_length", [3, 4, 16, 256])
def test_ids_are_those_of_the_library(tokenizer: TextTokenizer, max_length: int) -> None:
    texts = [*ODD, *_made(300), *_spoken(100)]
    # Where words are asked for, the library does it all.
    stock = tokenizer.encode(texts, max_length, words=True)
    for _ in range(2):  # words learned, words known
        found = tokenizer.encode(texts, max_length)
        assert [(each.ids, each.truncated) for each in found] == [
            (each.ids, each.truncated) for each in stock
        ]


def test_plain_text_alone_is_looked_up(tokenizer: TextTokenizer) -> None:
    known = Words.of(_stock(tokenizer))
    assert known is not None
    assert known.encode("A fine film.", 16) == ([101, 1037, 2986, 2143, 1012, 102], False)
    assert known.encode("A fine film.", 4) == ([101, 1037, 2986, 102], True)
    for text in ("caf\xe9", "\x01", "a [MASK]", "a [mask]"):
        assert known.encode(text, 16) is None
    assert known.encode("a", 2) is None


def test_kept_words_are_bounded(tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "KEPT", 10)
    known = Words.of(_stock(tokenizer))
    assert known is not None
    sizes = []
    for number in range(50):
        assert known.encode(f"w{number} {'long' * 20}{number}", 64) is not None
        sizes.append(len(known._known))
    assert max(sizes) == 10
    assert [after for before, after in pairwise(sizes) if after < before] == [1] * 4


def test_words_beyond_the_length_are_not_looked_up(tokenizer: TextTokenizer) -> None:
    known = Words.of(_stock(tokenizer))
    assert known is not None

    found = known.encode(" ".join(f"w{number}" for number in range(1_000)), 16)

    assert found is not None
    assert (len(found[0]), found[1]) == (16, True)
    assert len(known._known) == 16


def _stock(tokenizer: TextTokenizer) -> Tokenizer:
    fresh = Tokenizer.from_str(tokenizer._tokenizer.to_str())
    fresh.no_truncation()
    return fresh


def _small(lower: bool = True) -> Tokenizer:
    pieces = ["[UNK]", "[CLS]", "[SEP]", "a", "A", "b", "##b", "!"]
    model = WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]")
    made = Tokenizer(model)
    made.normalizer = BertNormalizer(lowercase=lower)
    made.pre_tokenizer = BertPreTokenizer()
    return made


def _templated(made: Tokenizer) -> Tokenizer:
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP] [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return made


def _added(made: Tokenizer) -> Tokenizer:
    made.add_tokens([AddedToken("ab!", normalized=True)])
    return made


def _accented(made: Tokenizer) -> Tokenizer:
    made.add_tokens([AddedToken("\xe4", normalized=True)])
    return made


def _spaced(made: Tokenizer) -> Tokenizer:
    made.pre_tokenizer = Whitespace()
    return made


@pytest.mark.parametrize(
    "tokenizer",
    [
        _small(),
        _small(lower=False),
        _templated(_small()),
        _added(_templated(_small(lower=False))),
        _accented(_small()),
        _spaced(_small()),
        Tokenizer(WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]")),
    ],
    ids=["plain", "cased", "templated", "added", "accented", "spaced", "other"],
)
def test_tokenizers_of_other_kinds_give_the_same_too(tokenizer: Tokenizer) -> None:
    texts = ["A b! ab", "ab! AB! aB", "a\xe4 b", "abb abbc b!b", "a", "a-b [SEP] [sep]"]
    ours = TextTokenizer(tokenizer)
    stock = ours.encode(texts, 8, words=True)
    assert [each.ids for each in ours.encode(texts, 8)] == [each.ids for each in stock]


@pytest.mark.parametrize(
    ("change", "served"), [(_templated, True), (_added, True), (_accented, False), (_spaced, False)]
)
def test_only_what_works_word_by_word_is_looked_up(
    change: Callable[[Tokenizer], Tokenizer], served: bool
) -> None:
    assert (Words.of(change(_small())) is not None) is served
