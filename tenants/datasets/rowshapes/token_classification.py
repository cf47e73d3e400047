"""Spans of the text with a label each: objects, triples, or what an assistant was to answer."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tenants.datasets.rowshapes.base import Reading, RowFault, SplitBy, compact, json_cell

Span = tuple[int, int, str]

_STARTS: Final = ("start", "start_offset", "begin")
_ENDS: Final = ("end", "end_offset", "stop")
_LABELS: Final = ("label", "type", "entity", "entity_group", "tag")
_TEXTS: Final = ("text", "word", "value")


class Spans:
    """Kept as a JSON list of [start, end, label], in order; characters are counted from 0."""

    task: Final = "token_classification"
    structured: Final = True
    split_by: SplitBy = "rarest"
    alike: Final = None
    sentences: Mapping[str, str] = {
        "entities_invalid": (
            "The entities are no list of spans: write"
            ' [{"start": 0, "end": 5, "label": "person"}] or'
            ' [{"text": "Alice", "label": "person"}].'
        ),
        "entity_outside": (
            "An entity lies outside its text, is empty or differs from the text it names: offsets"
            " count characters from 0, the end is not included."
        ),
        "entity_overlap": "Two entities overlap: keep one of them.",
    }

    def fits(self, cells: Sequence[str]) -> bool:
        """JSON lists, with an object or a list inside."""
        inner = False
        for cell in cells:
            try:
                found = _list_of(json_cell(cell))
            except (ValueError, RowFault):
                return False
            if not all(isinstance(item, dict | list) for item in found):
                return False
            inner = inner or bool(found)
        return inner

    def read(self, text: str, cell: str) -> Reading:
        """Return the spans in order."""
        try:
            given = _list_of(json_cell(cell)) if cell.strip() else []
        except ValueError as fault:
            raise RowFault("entities_invalid") from fault
        taken: dict[str, int] = {}
        spans = sorted(_span(text, item, taken) for item in given)
        end = 0
        for start, stop, _ in spans:
            if start < end:
                raise RowFault("entity_overlap")
            end = stop
        return Reading(compact(spans), tuple(sorted({label for _, _, label in spans})))

    def target(self, label: str) -> Any:
        """Return the spans as objects."""
        return [
            {"start": start, "end": end, "label": name} for start, end, name in json_cell(label)
        ]

    def contains(self, label: str) -> str:
        """Return the label as it ends a span."""
        return f"{compact(label)}]"


def _list_of(found: Any) -> list[Any]:
    if isinstance(found, dict) and set(found) == {"entities"}:
        found = found["entities"]
    if not isinstance(found, list):
        raise RowFault("entities_invalid")
    return found


def _span(text: str, item: Any, taken: dict[str, int]) -> Span:
    """Read one span; one that names its text alone is looked for after the last of its kind."""
    if isinstance(item, list | tuple):
        if len(item) != 3:
            raise RowFault("entities_invalid")
        start, end, label = item
        words = None
    elif isinstance(item, dict):
        start, end, label, words = (
            next((item[name] for name in names if name in item), None)
            for names in (_STARTS, _ENDS, _LABELS, _TEXTS)
        )
    else:
        raise RowFault("entities_invalid")
    if not isinstance(label, str) or not label.strip():
        raise RowFault("entities_invalid")
    if start is None and end is None and isinstance(words, str) and words:
        start = text.find(words, taken.get(words, 0))
        end = taken[words] = start + len(words)
    if type(start) is not int or type(end) is not int:
        raise RowFault("entities_invalid")
    if not 0 <= start < end <= len(text) or not text[start:end].strip():
        raise RowFault("entity_outside")
    if isinstance(words, str) and words != text[start:end]:
        raise RowFault("entity_outside")
    return start, end, label.strip()


SHAPE: Final = Spans()
