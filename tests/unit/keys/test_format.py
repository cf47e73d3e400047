"""The text of a key."""

import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.keys.format import PATTERN, key_digest, key_generate


@pytest.mark.parametrize("environment", ["live", "test", "sess"])
def test_a_new_key_has_the_documented_shape(environment: str) -> None:
    key = key_generate(environment)

    assert re.fullmatch(rf"ak_{environment}_[0-9A-Za-z]{{36}}", key.text)
    assert key_digest(key.text) == key.digest
    assert re.fullmatch(r"[0-9a-f]{64}", key.digest)
    assert key.text.endswith(key.last4)
    assert key.prefix == f"ak_{environment}_"


def test_keys_do_not_repeat() -> None:
    assert len({key_generate("live").text for _ in range(1000)}) == 1000


def test_the_checksum_is_the_documented_crc32() -> None:
    text = key_generate("live").text
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

    value = 0
    for letter in text[-6:]:
        value = value * 62 + alphabet.index(letter)

    assert value == zlib.crc32(text[:-6].encode())


@given(position=st.integers(8, 43), letter=st.sampled_from("0aZ9"))
def test_one_wrong_letter_is_noticed(position: int, letter: str) -> None:
    text = key_generate("live").text
    changed = text[:position] + letter + text[position + 1 :]

    assert (key_digest(changed) is None) == (changed != text)


@given(text=st.text(max_size=80))
def test_any_other_text_is_no_key(text: str) -> None:
    assert key_digest(text) is None or PATTERN.fullmatch(text)


@pytest.mark.parametrize("text", ["", "ak_live_", "sk-123", "ak_live_" + "0" * 36, "ak_live_é" * 5])
def test_known_wrong_texts_are_no_keys(text: str) -> None:
    assert key_digest(text) is None
