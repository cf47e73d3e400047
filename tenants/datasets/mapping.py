"""Which column is the text and which the label: guessed from names and contents, or as told."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from tenants.datasets.contracts import ColumnMapping, ReportLine
from tenants.datasets.errors import (
    ColumnMappingInvalid,
    ColumnMappingRequired,
    ColumnNotFound,
)
from tenants.datasets.metadata import meta_columns
from tenants.datasets.reading import ONE_HOT, Table

_TEXT_NAMES: Final = (
    "text", "texts", "review", "reviews", "sentence", "content", "comment", "message", "prompt",
    "input", "body", "utterance", "query", "question", "document", "tweet", "post", "feedback",
    "description", "review_text", "文本", "评论", "内容", "句子", "评价", "正文", "问题",
)  # fmt: skip
_LABEL_NAMES: Final = (
    "label", "labels", "sentiment", "category", "class", "target", "intent", "completion",
    "output", "polarity", "rating", "stars", "score", "tag", "topic", "emotion", "label_text",
    "entities", "spans", "value", "number",
    "标签", "类别", "情感", "分类", "意图", "实体", "数值",
)  # fmt: skip
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_MOST_CLASSES: Final = 200
"""A column with more values than this in the sample is not guessed to be the label."""
_MOST_NAMED: Final = 1_000
"""Columns that a request may ask to keep; a file has no more."""


def column_normal(name: str) -> str:
    """Return a name without what the eye does not see: width, case, spaces, zero-width marks."""
    return " ".join(unicodedata.normalize("NFKC", name).translate(_INVISIBLE).split()).casefold()


def mapping_from_request(value: Any) -> ColumnMapping | None:
    """Read the API's ``column_mapping``; None when nothing was asked for."""
    if value is None:
        return None
    if not isinstance(value, Mapping) or set(value) - {"meta"} != {"text", "label"}:
        raise ColumnMappingInvalid(param="column_mapping")
    meta = value.get("meta")
    if not isinstance(meta, list | None) or len(meta or ()) > _MOST_NAMED:
        raise ColumnMappingInvalid(param="column_mapping")
    if not all(isinstance(name, str) and name for name in (value["text"], value["label"])):
        raise ColumnMappingInvalid(param="column_mapping")
    if not all(isinstance(name, str) and name for name in meta or ()):
        raise ColumnMappingInvalid(param="column_mapping")
    kept = None if meta is None else tuple(dict.fromkeys(meta))
    return ColumnMapping(text=value["text"], label=value["label"], meta=kept)


def mapping_find(
    table: Table, asked: ColumnMapping | None, *, lists: bool = True
) -> tuple[ColumnMapping, list[ReportLine]]:
    """Return the mapping in the file's own names, with notes: where a name was bent to fit, which
    columns are a label each, and which further ones are not kept. ``lists``: the task can have
    several labels a row.
    """
    found, notes = _found(table, asked, lists=lists)
    notes = [*notes, *_labels_note(table, found, lists=lists)]
    own = {found.text, found.label, *(table.one_hot if found.label == ONE_HOT else ())}
    if found.meta is None:
        further = [name for name in table.columns if name not in own and not _made(table, name)]
    else:
        further = [_column(table, name, notes) for name in found.meta]
        if own & set(further) or any(_made(table, name) for name in further):
            raise ColumnMappingInvalid(
                "column_mapping.meta names further columns: neither the text nor a label.",
                param="column_mapping",
            )
    kept, left_out = meta_columns(dict.fromkeys(further), table.limits)
    return replace(found, meta=tuple(kept)), [*notes, *left_out]


def _made(table: Table, name: str) -> bool:
    """Whether a column is the labels read together, which the file itself does not have."""
    return name == ONE_HOT and bool(table.one_hot)


def _labels_note(table: Table, found: ColumnMapping, *, lists: bool) -> list[ReportLine]:
    if not table.one_hot or found.label != ONE_HOT:
        return []
    if not lists:
        raise ColumnMappingInvalid(
            f"'{ONE_HOT}' gives a row several labels, which is the task "
            "multi_label_classification: choose that, or another label column.",
            param="column_mapping",
        )
    names = ", ".join(name[:40] for name in table.one_hot)
    told = f"Columns that hold 0 and 1 alone were read as labels, one each: {names[:400]}."
    return [ReportLine("one_hot_columns", told, column=names[:120])]


def _found(
    table: Table, asked: ColumnMapping | None, *, lists: bool
) -> tuple[ColumnMapping, list[ReportLine]]:
    if asked is None:
        return mapping_guess(table, lists=lists), []
    notes: list[ReportLine] = []
    text = _column(table, asked.text, notes)
    label = _column(table, asked.label, notes)
    if text == label:
        raise ColumnMappingInvalid(param="column_mapping")
    return ColumnMapping(text=text, label=label, meta=asked.meta), notes


def _column(table: Table, asked: str, notes: list[ReportLine]) -> str:
    if asked in table.columns:
        return asked
    alike = [name for name in table.columns if column_normal(name) == column_normal(asked)]
    if len(alike) == 1:
        notes.append(
            ReportLine(
                "column_name_adjusted",
                f"'{asked[:80]}' was taken to be {alike[0][:80]!r}: the names differ in case or"
                " in spaces one cannot see.",
                column=alike[0][:120],
            )
        )
        return alike[0]
    raise ColumnNotFound(
        f"The file has no column '{asked[:80]}'. It has: {_listed(table.columns)}.",
        param="column_mapping",
    )


def mapping_guess(table: Table, *, lists: bool = True) -> ColumnMapping:
    """Guess by name first, then by content: columns of 0 and 1, labels repeat, texts are long."""
    normal = {column_normal(name): name for name in reversed(table.columns)}
    text = next((normal[name] for name in _TEXT_NAMES if name in normal), None)
    label = next((normal[name] for name in _LABEL_NAMES if normal.get(name, text) != text), None)
    if label is None and lists and table.one_hot:
        label = ONE_HOT
    if text and label:
        return ColumnMapping(text=text, label=label)
    own = [name for name in table.columns[:50] if not table.one_hot or name != ONE_HOT]
    cells = {name: table.sample_cells(name) for name in own}
    label = label or _label_by_content(cells, text)
    text = text or _text_by_content(cells, label)
    if text is None or label is None:
        raise ColumnMappingRequired(
            "Which column is the text and which the label? The file has:"
            f" {_listed(table.columns)}. Send"
            ' column_mapping as {"text": "...", "label": "..."}.',
            param="column_mapping",
        )
    return ColumnMapping(text=text, label=label)


def _label_by_content(cells: Mapping[str, list[str]], text: str | None) -> str | None:
    """The column with the fewest different values, of those where values repeat."""
    best: tuple[int, float, str] | None = None
    for name, column in cells.items():
        filled = [cell for cell in column if cell.strip()]
        distinct = len(set(filled))
        if name == text or not 2 <= distinct <= min(_MOST_CLASSES, len(filled) // 2):
            continue
        candidate = (distinct, sum(map(len, filled)) / len(filled), name)
        best = min(best, candidate) if best else candidate
    return best[2] if best else None


def _text_by_content(cells: Mapping[str, list[str]], label: str | None) -> str | None:
    """The column with the longest cells, when they differ."""
    lengths = {
        name: sum(map(len, column))
        for name, column in cells.items()
        if name != label and len(set(column)) > 1
    }
    return max(lengths, key=lambda name: lengths[name]) if lengths else None


def _listed(columns: Sequence[str]) -> str:
    names = ", ".join(f"'{name[:60]}'" for name in columns[:20])
    more = len(columns) - 20
    return f"{names} and {more} more" if more > 0 else names


def text_column_find(columns: Sequence[str], asked: str, cells: Callable[[str], list[str]]) -> str:
    """Return the column to be read where there is no label: as asked, else by name or content.

    ``cells`` gives a column's first cells. Raises ColumnNotFound, ColumnMappingRequired.
    """
    normal = {column_normal(name): name for name in reversed(columns)}
    if asked:
        found = asked if asked in columns else normal.get(column_normal(asked))
        if found is None:
            raise ColumnNotFound(
                f"The file has no column '{asked[:80]}'. It has: {_listed(columns)}.",
                param="text_column",
            )
        return found
    by_name = next((normal[name] for name in _TEXT_NAMES if name in normal), None)
    if by_name is None and len(columns) == 1:
        by_name = columns[0]
    by_content = by_name or _text_by_content({name: cells(name) for name in columns[:50]}, None)
    if by_content is None:
        raise ColumnMappingRequired(
            f"Which column is the text? The file has: {_listed(columns)}. Send text_column.",
            param="text_column",
        )
    return by_content
