"""What JSON can hold and nothing behind it can bear: bottomless nesting, NUL, half a character.

No Django here: the readers of uploads use it on plain bytes.
"""

import json
from typing import Any, Final

MAX_DEPTH: Final = 64
"""Far below the parser's own limit, so nothing later runs out of stack on an accepted value."""


def depth(value: Any) -> int:
    """Return how many levels ``value`` has; a number or a text is one."""
    levels, level = 0, [value]
    while level:
        levels += 1
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return levels


def too_deep(value: Any, text: str | bytes) -> bool:
    """Say whether ``value``, parsed from ``text``, is nested beyond MAX_DEPTH.

    Counting brackets first spares nearly every value the walk.
    """
    if isinstance(text, bytes):
        brackets = text.count(b"[") + text.count(b"{")
    else:
        brackets = text.count("[") + text.count("{")
    return brackets >= MAX_DEPTH and depth(value) > MAX_DEPTH


def has_nul(value: Any) -> bool:
    """Say whether a text or a key anywhere in ``value`` holds U+0000."""
    # dumps writes a NUL as \u0000; so does a text that spells those six characters, doubled.
    if "\\u0000" not in json.dumps(value, ensure_ascii=False):
        return False
    level = [value]
    while level:
        if any(isinstance(item, str) and "\0" in item for item in level):
            return True
        level = [child for item in level for child in _children(item)]
    return False


def has_lone_surrogate(value: Any) -> bool:
    """Say whether an escape named half of a surrogate pair, which UTF-8 cannot hold."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _children(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return [*item.keys(), *item.values()]
    return item if isinstance(item, list) else []
