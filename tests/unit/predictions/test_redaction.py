"""What is hidden in a text, what is not, and that it never takes long."""

import time

import pytest

from mlworker.predictions.redaction import Hidden, hide, word_fits
from mlworker.serving.contracts import REDACTABLE


def shown(text: str, *kinds: str, words: tuple[str, ...] = ()) -> str:
    return hide(text, kinds, words).text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("write to jane.doe+shop@mail.example.co.uk, please", "write to [email], please"),
        ("<a@b.de>", "<[email]>"),
        ("名前＠例え.jp です", "[email] です"),
        ("@nobody and a @ b.c", "@nobody and a @ b.c"),
        ("user@intranet, josé@mail-1.", "[email], [email]."),
        ("今天和@bob 还有 bob@张三", "今天和@bob 还有 bob@张三"),
        ("o!brien@x.com o\u2019brien@x.com a#b`{|}~*?^$@x.com", "[email] [email] [email]"),
        ('"jane doe"@x.com and "jane \\"jd\\" doe"@x.com', "[email] and [email]"),
        ('"hi", "@anna" or @x.com" "@x.com', '"hi", "@anna" or @x.com[email]'),
        ("jane\u200b@x.com, jo\u00adhn@\u2060x\ufeff.com", "[email], [email]"),
        ("x" * 80 + "@y.org", "x" * 16 + "[email]"),
    ],
)
def test_addresses_are_hidden(text: str, left: str) -> None:
    assert shown(text, "email") == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("call +49 (30) 123-456-7", "call [phone]"),
        ("call 030/1234567 now", "call [phone] now"),
        ("01 23 45 67 89", "[phone]"),
        ("(555) 123-4567", "[phone]"),
        ("555-123-4567", "[phone]"),
        ("电话13812345678。", "电话[phone]。"),
        ("on 2024-11-26 10:30 or 01.12.2024", "on 2024-11-26 10:30 or 01.12.2024"),
        ("1.250.000 or 5/5 4/5 3/5 2/5 1/5", "1.250.000 or 5/5 4/5 3/5 2/5 1/5"),
        ("2024-11-26 +49 30 1234567", "2024-11-26 [phone]"),
    ],
)
def test_numbers_to_dial_are_hidden(text: str, left: str) -> None:
    assert shown(text, "phone") == left


def test_cards_are_told_by_their_check_digit() -> None:
    assert shown("pay 4111 1111 1111 1111 12/27", "card") == "pay [card] 12/27"
    assert shown("pay 4111-1111-1111-1112", "card") == "pay 4111-1111-1111-1112"
    assert shown("378282246310005 5555555555554444", "card") == "[card] [card]"


def test_long_rows_of_digits_are_hidden() -> None:
    text = "order 1234567, IBAN DE89 3704 0044 0532 0130 00, room 123456"
    assert shown(text, "number") == "order [number], IBAN DE[number], room 123456"
    assert shown("１２３４５６７８９ и ٣٤٥٦٧٨٩٠", "number") == "[number] и [number]"


@pytest.mark.parametrize(
    "gap",
    [
        *("_", " | ", "\n", "\r\n", "\u00b7", "\u2007", "\u2212", "\u3000", "\uff0d"),
        *("\u2060 \u2066", 9 * "\u200b"),
    ],
)
def test_what_stands_between_the_groups_of_a_number_does_not_matter(gap: str) -> None:
    account, card = gap.join(["1234", "5678", "9012"]), gap.join(["4111"] + ["1111"] * 3)

    assert shown(f"to {account}, from {card}.", *REDACTABLE) == "to [number], from [card]."


def test_kinds_that_are_not_asked_for_stay() -> None:
    text = "a@b.de, +49 30 1234567, 4111111111111111"

    assert shown(text) == text
    assert shown(text, "card") == "a@b.de, +49 30 1234567, [card]"
    assert shown(text, *REDACTABLE) == "[email], [phone], [card]"


@pytest.mark.parametrize(
    ("word", "text", "left"),
    [
        ("Jane Doe", "JANE, doe! and Jane Doemann", "[hidden]! and Jane Doemann"),
        ("Jane Doe*", "so Jane Doemann said", "so [hidden] said"),
        ("KD-######", "KD 123456, kd-12345", "[hidden], kd-12345"),
        ("a*#", "ab7 a7 abc", "[hidden] [hidden] abc"),
        ("Straße", "die STRASSE dort", "die [hidden] dort"),
        ("张三", "张三说，张三丰", "[hidden]说，[hidden]丰"),
        ("Jane Doe", "so Ja\u200bne D\u00adoe said", "so [hidden] said"),
        ("ab\u200ccd", "ab\u200ccd abcd ab cd", "[hidden] [hidden] [hidden]"),
        ("foo", "foo\u200bbar", "[hidden]\u200bbar"),
    ],
)
def test_own_words_are_hidden(word: str, text: str, left: str) -> None:
    assert shown(text, words=(word,)) == left


def test_a_word_that_names_nothing_does_not_fit() -> None:
    assert [word_fits(word) for word in ("*", "!?", "a*b*c", "*a", "#")] == [
        False,
        False,
        False,
        True,
        True,
    ]


def test_places_point_into_the_hidden_text() -> None:
    text = "I am bob@mail.org from Rome, +49 30 1234567 in May"
    hidden = hide(text, REDACTABLE)

    def moved(part: str) -> str:
        start = text.index(part)
        end = hidden.place(start + len(part), end=True)
        return hidden.text[hidden.place(start) : end]

    assert hidden.text == "I am [email] from Rome, [phone] in May"
    parts = ("I am", "bob@mail.org", "mail.org from", "Rome", "Rome, +49", "in May", "1234567")
    assert [moved(part) for part in parts] == [
        "I am",
        "[email]",
        "[email] from",
        "Rome",
        "Rome, [phone]",
        "in May",
        "[phone]",
    ]
    assert Hidden("plain", ()).place(3) == 3


def test_overlaps_are_hidden_once() -> None:
    assert shown("mail 1234567@b.de", *REDACTABLE, words=("mail", "b de")) == "[hidden] [email]"


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "@" * 200_000,
        "1 " * 100_000,
        "a@" * 100_000,
        "+(" * 100_000,
        "1.a." * 50_000,
        '"@a.b' * 20_000,
        '\\"@a.b' * 20_000,
        "1\u200b" * 50_000,
        "1\n|" * 20_000,
    ],
)
def test_hostile_texts_take_time_in_proportion(text: str) -> None:
    def seconds(length: int) -> float:
        begun = time.thread_time()
        hide(text[:length], REDACTABLE, ("a b c d e f", "*a", "1*"))
        return time.thread_time() - begun

    seconds(1_000)
    short = min(seconds(len(text) // 8) for _ in range(2))

    assert seconds(len(text)) < 8 * short * 3 + 0.05
