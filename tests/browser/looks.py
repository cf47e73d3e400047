"""How pages are looked at: both languages, light and dark, wide and narrow."""

import pytest

DESKTOP = (1280, 900)
PHONE = (390, 844)
Looks = tuple[tuple[str, bool, tuple[int, int]], ...]
"""Language, dark, size."""
LOOKS: Looks = (("en", False, DESKTOP), ("zh-Hans", True, PHONE))
MORE_LOOKS: Looks = (
    *LOOKS,
    ("en", True, DESKTOP),
    ("en", True, PHONE),
    ("zh-Hans", False, DESKTOP),
)
in_looks = pytest.mark.parametrize(
    "looks",
    [
        pytest.param(LOOKS, id="two looks"),
        pytest.param(MORE_LOOKS, id="every look", marks=pytest.mark.slow),
    ],
)
