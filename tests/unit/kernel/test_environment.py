"""Settings that are a choice of words are checked when a process starts."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from anneal.settings.environment import choice_read, meters_read, stripe_check


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


def test_stripes_meters_are_read_each_with_an_event_name_of_its_own() -> None:
    assert meters_read("prediction=calls, trained_token=tokens") == {
        "prediction": "calls",
        "trained_token": "tokens",
    }
    for wrong in ("prediction", "=calls", "prediction=calls,trained_token=calls"):
        with pytest.raises(ImproperlyConfigured, match="STRIPE_METERS"):
            meters_read(wrong)


def test_r10_what_would_tell_nothing_without_a_key_keeps_a_process_from_starting() -> None:
    meters = {"prediction": "calls"}
    stripe_check(key="sk_test_1", webhook_secret="", meters=meters)
    stripe_check(key="", webhook_secret="", meters={})
    with pytest.raises(ImproperlyConfigured, match=r"STRIPE_METERS .* STRIPE_SECRET_KEY"):
        stripe_check(key="", webhook_secret="", meters=meters)
    with pytest.raises(ImproperlyConfigured, match=r"STRIPE_WEBHOOK_SECRET .* STRIPE_SECRET_KEY"):
        stripe_check(key="", webhook_secret="whsec_1", meters={})
