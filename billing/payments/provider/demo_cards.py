"""Numbers of cards for tests, as docs.stripe.com/testing has them."""

from typing import Final

_DECLINED: Final = {
    "4000000000000002": "generic_decline",
    "4000000000009995": "insufficient_funds",
    "4000000000009987": "lost_card",
    "4000000000000069": "expired_card",
    "4000000000000127": "incorrect_cvc",
    "4000000000000119": "processing_error",
}
_DECLINED_LATER: Final = {"4000000000000341": "generic_decline"}
"""Saved without a word, declined when it is charged."""
_TAKEN: Final = frozenset({"4242424242424242", "5555555555554444", *_DECLINED_LATER})


def decline_of(number: str, *, on_page: bool = False) -> str:
    """Return why a card is declined, empty where it is not. A real number is never taken."""
    if number in _DECLINED:
        return _DECLINED[number]
    if number in _TAKEN:
        return "" if on_page else _DECLINED_LATER.get(number, "")
    return "demo_card_only"
