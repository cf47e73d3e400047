"""The chat shape of OpenAI's fine-tuning files and words with tags, read as text and label.

``{"prompt", "completion"}`` and ``{"text", "label"}`` need nothing here: their names are enough for
the mapping to be guessed.
"""

from collections.abc import Iterator
from typing import Any, Final

from tenants.datasets.errors import MessagesMalformed, TagsMalformed
from tenants.datasets.reading.conll import tag_valid, tagged_row

MESSAGES: Final = "messages"
TOKENS: Final = "tokens"
_TAGS: Final = ("tags", "ner_tags", "labels", "bio_tags")


def shapes_flatten(rows: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[tuple[int, Any]]:
    """Turn rows of ``{"messages": [...]}`` into ``{"text", "label"}``, and rows of ``{"tokens":
    [...], "tags": [...]}`` into ``{"text", "entities"}``; other rows pass."""
    for number, row in rows:
        if MESSAGES in row:
            yield number, _flat(row, number)
        elif isinstance(row.get(TOKENS), list):
            yield number, _tagged(row, number)
        else:
            yield number, row


def _tagged(row: dict[str, Any], number: int) -> dict[str, Any]:
    words = row[TOKENS]
    name = next((name for name in _TAGS if isinstance(row.get(name), list)), None)
    tags = row[name] if name else None
    sound = words and all(isinstance(word, str) and word.strip() for word in words)
    if not sound or tags is None or len(tags) != len(words) or not all(map(tag_valid, tags)):
        raise TagsMalformed(row=number)
    others = {key: value for key, value in row.items() if key not in (TOKENS, name)}
    return {**tagged_row(words, tags), **others}


def _flat(row: dict[str, Any], number: int) -> dict[str, Any]:
    """The last assistant message is the label, the last user message before it the text."""
    messages = row[MESSAGES]
    if not isinstance(messages, list) or not all(isinstance(item, dict) for item in messages):
        raise MessagesMalformed(row=number)
    text = label = None
    for message in reversed(messages):
        role = message.get("role")
        if label is None and role == "assistant":
            label = _content(message, number)
        elif label is not None and role == "user":
            text = _content(message, number)
            break
    if text is None or label is None:
        raise MessagesMalformed(row=number)
    others = {key: value for key, value in row.items() if key != MESSAGES}
    return {**others, "text": text, "label": label}


def _content(message: dict[str, Any], number: int) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        texts = [part for part in parts if isinstance(part, str)]
        if len(texts) == len(content):
            return "".join(texts)
    raise MessagesMalformed(row=number)
