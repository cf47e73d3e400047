"""The validation report while it grows: counts, first rows, and the sentences that name the fix."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from tenants.datasets.contracts import ReportLine, ValidationReport
from tenants.datasets.limits import Limits
from tenants.datasets.metadata import NOT_PLAIN, TOO_LONG
from tenants.datasets.rowshapes import SHAPES, RowShape

MINIMUM_ROWS: Final = 10
SMALL_CLASS: Final = 20
_IMBALANCE: Final = 20
_CONTROL: Final = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

_SENTENCES: Final[Mapping[str, str]] = {
    "empty_text": "Rows without text are left out.",
    "empty_label": "Rows without a label are left out.",
    "duplicate_rows": "Rows that repeat an earlier text with the same label are left out.",
    "conflicting_labels": "The same text carries different labels: keep the right one.",
    "too_long": "Texts are longer than about {long} tokens: the model reads their beginning only.",
    "surrounding_whitespace": "Texts begin or end with white space; they are kept as they are.",
    "control_characters": "Texts contain control characters; they are kept as they are.",
    "label_whitespace": "Labels begin or end with white space, which is removed.",
    "label_too_long": "Labels have more than {label} characters: is this the right column?",
    **{code: text for shape in SHAPES.values() for code, text in shape.sentences.items()},
}
_VALUES: Final[Mapping[str, str]] = {
    TOO_LONG: "Values of the column '{column}' longer than {most} characters are left out.",
    NOT_PLAIN: (
        "Values of the column '{column}' are no texts, numbers or true/false; they are left out."
    ),
}
"""What is said to values of further columns that are not kept."""
_ALIKE: Final[Mapping[str, str]] = {
    "single_class": "Every row is labelled '{label}': send a second class.",
    "single_value": "Every row has the same number: there is nothing to learn.",
}
_CLOSE: Final = (
    "The numbers differ by less than a millionth of their size: subtract the same number from all."
)
_ERRORS: Final = frozenset(
    {"label_too_long", *(code for shape in SHAPES.values() for code in shape.sentences)}
)


class Findings:
    """Counts findings by code and remembers the row where each was seen first."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._counts: Counter[str] = Counter()
        self._rows: dict[str, int] = {}
        self._columns: Counter[tuple[str, str]] = Counter()
        self._column_rows: dict[tuple[str, str], int] = {}
        self._lines: list[ReportLine] = []

    def see(self, code: str, row: int) -> None:
        """Count one row."""
        self._counts[code] += 1
        self._rows.setdefault(code, row)

    def see_value(self, code: str, column: str, row: int) -> None:
        """Count one value of a further column."""
        self._columns[code, column] += 1
        self._column_rows.setdefault((code, column), row)

    def say(self, lines: Iterable[ReportLine]) -> None:
        """Add finished warnings."""
        self._lines.extend(lines)

    def count(self, code: str) -> int:
        """Return how often ``code`` was seen."""
        return self._counts[code]

    def text(self, text: str, size: int, row: int) -> None:
        """Look at one kept text; ``size`` is its length in UTF-8 bytes."""
        if not text.isprintable() and _CONTROL.search(text):
            self.see("control_characters", row)
        if text[0].isspace() or text[-1].isspace():
            self.see("surrounding_whitespace", row)
        if size > self._limits.long_tokens and tokens_estimate(len(text), size) > (
            self._limits.long_tokens
        ):
            self.see("too_long", row)

    def finish(
        self,
        labels: Mapping[str, int],
        *,
        rows: int,
        values: int,
        shape: RowShape,
        splittable: bool,
        close: bool = False,
    ) -> ValidationReport:
        """Judge the whole: ``labels`` counts kept rows, ``splittable`` says no part is empty.

        ``values`` is how many different kept labels there are, ``close`` says that they are numbers
        too close to each other to be told apart.
        """
        found = [self._line(code, count) for code, count in self._counts.items()]
        errors = [line for line in found if line.code in _ERRORS]
        if not errors:
            errors += self._verdicts(
                labels, rows, values, shape, splittable=splittable, close=close
            )
        warnings = [
            *self._lines,
            *(self._value_line(code, column) for code, column in self._columns),
            *(line for line in found if line.code not in _ERRORS),
        ]
        return ValidationReport(
            errors=tuple(errors),
            warnings=(*warnings, *_class_warnings(labels)),
            rows=rows,
            labels=dict(sorted(labels.items())[: self._limits.labels]),
            duplicates=self._counts["duplicate_rows"],
            conflicts=self._counts["conflicting_labels"],
            empty=self._counts["empty_text"] + self._counts["empty_label"],
            too_long=self._counts["too_long"],
        )

    def _line(self, code: str, count: int) -> ReportLine:
        limits = self._limits
        sentence = (
            _SENTENCES[code]
            .replace("{long}", str(limits.long_tokens))
            .replace("{label}", str(limits.label_characters))
        )
        return ReportLine(code, sentence, count=count, row=self._rows[code])

    def _value_line(self, code: str, column: str) -> ReportLine:
        text = _VALUES[code].format(column=column[:80], most=self._limits.meta_characters)
        seen, row = self._columns[code, column], self._column_rows[code, column]
        return ReportLine(code, text, count=seen, row=row, column=column[:120])

    def _verdicts(
        self,
        labels: Mapping[str, int],
        rows: int,
        values: int,
        shape: RowShape,
        *,
        splittable: bool,
        close: bool,
    ) -> list[ReportLine]:
        most, alone = self._limits.labels, shape.split_by == "label"
        if len(labels) > most or (alone and len(labels) > 20 and len(labels) * 2 > rows):
            text = (
                f"There are {len(labels):,} different labels for {rows:,} rows (at most {most:,})"
            )
            return [ReportLine("too_many_labels", f"{text}: is this the right column?")]
        if rows < MINIMUM_ROWS:
            text = f"{rows} usable rows are too few: send at least {MINIMUM_ROWS}."
            return [ReportLine("too_few_rows", text, count=rows)]
        if shape.split_by == "rarest" and not labels:
            text = "No row has a label: is this the right column?"
            return [ReportLine("no_labels", text, count=rows)]
        if shape.alike is not None and values == 1:
            text = _ALIKE[shape.alike].format(label="', '".join(sorted(labels))[:80])
            return [ReportLine(shape.alike, text, count=rows)]
        if close:
            return [ReportLine("values_too_close", _CLOSE, count=rows)]
        if not splittable or (alone and sum(count >= 2 for count in labels.values()) < 2):
            text = "The classes are too small to set rows aside for testing: add rows to each."
            return [ReportLine("classes_too_small", text)]
        return []


def tokens_estimate(characters: int, size: int) -> int:
    """Estimate tokens from characters and UTF-8 bytes: 4 ASCII letters or 1 other make one."""
    others = (size - characters + 1) // 2  # most writing beyond ASCII takes 3 bytes a character
    return max(0, characters - others) // 4 + others


def _class_warnings(labels: Mapping[str, int]) -> list[ReportLine]:
    if len(labels) < 2:
        return []
    lines = []
    lone = [label for label, count in labels.items() if count < 2]
    small = [label for label, count in labels.items() if 2 <= count < SMALL_CLASS]
    if lone:
        text = "These labels have one row, which is trained on and never tested: "
        lines.append(ReportLine("class_single_row", text + _some(lone), count=len(lone)))
    if small:
        text = f"These labels have fewer than {SMALL_CLASS} rows: "
        lines.append(ReportLine("class_small", text + _some(small), count=len(small)))
    least, most = min(labels.values()), max(labels.values())
    if most > _IMBALANCE * least and least >= SMALL_CLASS:
        text = (
            f"The largest class has {most:,} rows, the smallest {least:,}: accuracy will flatter."
        )
        lines.append(ReportLine("imbalanced", text))
    folded: dict[str, list[str]] = {}
    for label in labels:
        folded.setdefault(label.casefold(), []).append(label)
    alike = [label for group in folded.values() if len(group) > 1 for label in group]
    if alike:
        text = "These labels differ in case alone and count as different: "
        lines.append(ReportLine("label_case", text + _some(alike), count=len(alike)))
    return lines


def _some(labels: list[str]) -> str:
    shown = ", ".join(f"'{label[:60]}'" for label in sorted(labels)[:5])
    return f"{shown} and {len(labels) - 5} more." if len(labels) > 5 else f"{shown}."
