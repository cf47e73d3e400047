"""Settings that are a choice of words are checked when a process starts."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from anneal.settings.environment import choice_read


def test_a_choice_is_read_and_its_first_word_holds_when_nothing_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANNEAL_A_CHOICE", "never")
    assert choice_read("ANNEAL_A_CHOICE", "auto", "never") == "never"
    monkeypatch.setenv("ANNEAL_A_CHOICE", "")
    assert choice_read("ANNEAL_A_CHOICE", "auto", "never") == "auto"


def test_another_word_is_refused_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNEAL_A_CHOICE", "half")
    with pytest.raises(ImproperlyConfigured, match=r"ANNEAL_A_CHOICE is 'half'.*auto, never"):
        choice_read("ANNEAL_A_CHOICE", "auto", "never")
