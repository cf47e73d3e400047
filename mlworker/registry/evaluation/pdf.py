"""The report as PDF by typst, in this process: some 100 ms, however large the data.

What a customer has named (labels) reaches the template as data, never as markup. The template can
read no file and no network: its input is one JSON text.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import typst

from mlworker.registry.evaluation.selectors import (
    AnsweredRow,
    Evaluation,
    baselines_of,
    comparison_of,
    figures_of,
)
from mlworker.registry.evaluation.slices import SLICES
from mlworker.registry.evaluation.texts import TEXTS

_TEMPLATE: Final = Path(__file__).with_name("report.typ")
_FONT_PACKAGE: Final = "justmytype_intl_cjk"
_FONT_FOLDER: Final = Path("fonts", "ofl", "notosanssc")
LABELS: Final = 60
CELLS: Final = 15
WORST: Final = 10
CURVES: Final = 6
SLICED: Final = 40
_SMALL, _LARGE = 1e-2, 1e15
_NAME: Final = 80
_TEXT: Final = 240
_ANSWER: Final = 40
_UNITS: Final = frozenset({"mae", "rmse", "r2", "spearman"})
"""Figures that are no shares."""


def report_pdf(found: Evaluation, worst: Sequence[AnsweredRow], *, language: str) -> bytes:
    """Return the document. ``worst`` are the errors it names."""
    content = report_content(found, worst, language=language)
    document: bytes = typst.compile(
        _TEMPLATE,
        sys_inputs={"data": json.dumps(content)},
        font_paths=_font_folders(),
        ignore_system_fonts=True,
        format="pdf",
    )
    return document


@cache
def _font_folders() -> list[Path]:
    """The folder with the Chinese font; looked for without importing its package."""
    spec = find_spec(_FONT_PACKAGE)
    places = spec.submodule_search_locations if spec is not None else None
    return [Path(place) / _FONT_FOLDER for place in places or ()]


def report_content(
    found: Evaluation, worst: Sequence[AnsweredRow], *, language: str
) -> dict[str, Any]:
    """Return everything the template prints, as text, and curves as points from 0 to 1."""
    report, texts = found.report, TEXTS[language]
    return {
        "lang": language[:2],
        "title": texts["title"],
        "model": found.model,
        "lead": texts[f"split_{report['split']}"].format(rows=f"{report['rows']:,}"),
        "verdict": _verdict(report, texts),
        "macro": _macro(report, texts),
        "figures": _figures(report, texts),
        "tables": [
            table(report, texts)
            for name, table in _TABLES.items()
            if report.get(name)  # what makes no sense for the task is not there
        ],
        "curves": [texts["curves"], texts["recall"], texts["precision"], *_curves(report)],
        "worst": _worst(worst, texts),
        "speed": [texts["speed"], *_speed(found, texts)],
        "foot": texts["method_text"],
    }


def _figures(report: Mapping[str, Any], texts: Mapping[str, str]) -> list[list[str]]:
    lines = []
    for figure in figures_of(report):
        show = _plain if figure["name"] in _UNITS else _percent
        around = f"{show(figure['low'])} – {show(figure['high'])}"
        lines.append([texts[figure["name"]], show(figure["value"]), around])
    if report.get("calibration"):
        lines.append([texts["ece"], _percent(report["calibration"]["ece"]), ""])
    return lines


def _verdict(report: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    comparison = comparison_of(report)
    if comparison is None:
        return ""
    figure, gap = comparison["figure"], abs(comparison["difference"])
    gain = _plain(gap) if figure in _UNITS else texts["points"].format(gain=f"{100 * gap:.1f}")
    return texts[comparison["verdict"]].format(
        name=texts[comparison["baseline"]],
        figure=texts[figure],
        gain=gain,
        p=f"{comparison['p_value']:.2g}",
    )


def _macro(report: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    """What a success fee goes by, whether or not the job was under one."""
    found = report.get("macro_f1_comparison")
    if found is None:
        return ""
    return texts["macro_comparison"].format(
        value=_percent(found["value"]),
        gain=f"{100 * found['difference']:+.1f}",
        name=texts[found["baseline"]],
        p=f"{found['p_value']:.2g}",
    )


def _baselines(report: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    own = figures_of(report)
    rows = [[texts["model"], *(_shown(figure) for figure in own)]]
    for line in baselines_of(report):
        cells = [_shown(figure) for figure in line["figures"]]
        if not cells:
            cells = [texts[line["skipped"]], *("" for _ in own[1:])]
        rows.append([texts[line["name"]], *cells])
    head = [texts["method"], *(texts[figure["name"]] for figure in own)]
    return _table(texts["baselines"], head, rows)


def _averages(report: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    names = ("precision", "recall", "f1")
    rows = [
        [texts[kind], *(_percent(report["averages"][kind][name]) for name in names)]
        for kind in ("macro", "micro", "weighted")
    ]
    return _table(texts["averages"], ["", texts["precision"], texts["recall"], "F1"], rows)


def _per_class(report: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    lines = report["per_class"]
    shown = sorted(lines, key=lambda line: -line["support"])[:LABELS]
    rows = [
        [
            _short(line["label"]),
            *(_percent(line[name]) for name in ("precision", "recall", "f1")),
            _area(line.get("average_precision")),
            f"{line['support']:,}",
        ]
        for line in shown
    ]
    names = (texts["precision"], texts["recall"], "F1", texts["average_precision"])
    head = [texts["label"], *names, texts["rows"]]
    note = texts["more_labels"].format(count=LABELS) if len(lines) > LABELS else ""
    return {**_table(texts["per_class"], head, rows), "note": note}


def _confusions(report: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    labels, confusion = report["labels"], report["confusion"]
    cells = confusion["cells"] or [
        [true, predicted, count]
        for true, line in enumerate(confusion["counts"] or ())
        for predicted, count in enumerate(line)
        if count and true != predicted
    ]
    rows = [
        [_short(labels[true]), _short(labels[predicted]), f"{count:,}"]
        for true, predicted, count in sorted(cells, key=lambda cell: -cell[2])[:CELLS]
    ]
    return _table(texts["confusions"], [texts["true"], texts["predicted"], texts["rows"]], rows)


def _slices(report: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    rows = [
        [
            texts[line["by"]].format(low=line["low"], high=line["high"]),
            *_figure(line["accuracy"]),
            f"{line['rows']:,}",
        ]
        for line in report["slices"]
    ]
    head = ["", texts["accuracy"], texts["interval"], texts["rows"]]
    return _table(texts["slices"], head, rows)


def column_table(report: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """What is worse than the rest, then the others, in the columns' order."""
    part = report[SLICES]
    name = part["figure"]
    show = _plain if name in _UNITS else _percent
    lines = [(column["column"], line) for column in part["columns"] for line in column["slices"]]
    lines.sort(key=lambda pair: pair[1]["verdict"] != "worse")
    rows = [
        [
            f"{_cut(column, _ANSWER)}: {_part(line, texts)}",
            *_with_range(line["figure"], show),
            "" if line["rest"] is None else show(line["rest"]),
            f"{line['rows']:,}",
            texts["slice_worse"] if line["verdict"] == "worse" else "",
        ]
        for column, line in lines[:SLICED]
    ]
    head = ["", texts[name], texts["interval"], texts["rest"], texts["rows"], ""]
    note = texts["column_slices_text"].format(tested=part["tested"], least=part["least_rows"])
    if len(lines) > SLICED:
        note = f"{note} {texts['more_slices'].format(count=SLICED)}"
    return {**_table(texts["column_slices"], head, rows), "note": note}


def _part(line: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    value = line["value"]
    if line["kind"] in ("value", "range") and value is None and line["low"] is None:
        return texts["slice_gone"]
    if line["kind"] == "value":
        return _cut(json.dumps(value) if isinstance(value, bool) else str(value), _ANSWER)
    if line["kind"] == "range":
        return texts["slice_range"].format(low=_end(line["low"]), high=_end(line["high"]))
    return texts[f"slice_{line['kind']}"].format(count=line["values"])


def _with_range(figure: Mapping[str, float] | None, show: Callable[[float], str]) -> list[str]:
    if figure is None:
        return ["", ""]
    return [show(figure["value"]), f"{show(figure['low'])} – {show(figure['high'])}"]


def _calibration(report: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    rows = [
        [_percent(line["confidence"]), _percent(line["accuracy"]), f"{line['rows']:,}"]
        for line in report["calibration"]["bins"]
    ]
    return _table(texts["calibration"], [texts["score"], texts["right"], texts["rows"]], rows)


def _curves(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The labels with the most rows; what has no curve is left out."""
    support = {line["label"]: line["support"] for line in report.get("per_class") or ()}
    most = sorted(report.get("curves") or (), key=lambda curve: -support.get(curve["label"], 0))
    return [
        {"label": _cut(curve["label"], _ANSWER), "points": curve["points"]}
        for curve in most[:CURVES]
    ]


def _worst(rows: Sequence[AnsweredRow], texts: Mapping[str, str]) -> dict[str, Any]:
    lines = [
        [_cut(row.text or "", _TEXT), _cut(row.label, _ANSWER), _cut(row.predicted, _ANSWER)]
        for row in rows
    ]
    return _table(texts["worst"], [texts["text"], texts["true"], texts["predicted"]], lines)


_TABLES: Final = {
    "baselines": _baselines,
    "averages": _averages,
    "per_class": _per_class,
    "confusion": _confusions,
    "slices": _slices,
    SLICES: column_table,
    "calibration": _calibration,
}
"""Tables by the part of the report they need."""


def _speed(found: Evaluation, texts: Mapping[str, str]) -> list[str]:
    speed = found.report["speed"]
    lines = [
        texts["speed_text"].format(
            p50=f"{speed['p50_ms']:.1f}",
            p95=f"{speed['p95_ms']:.1f}",
            rate=f"{speed['rows_per_second']:,.0f}",
            device=speed["device"],
            threads=speed["threads"],
        )
    ]
    if "precision" in speed:
        lines.append(texts["precision_text"].format(precision=speed["precision"]))
    if found.price is not None:
        lines.append(texts["price_text"].format(**found.price))
    return lines


def _table(title: str, head: list[str], rows: list[list[str]]) -> dict[str, Any]:
    return {"title": title, "head": head, "rows": rows, "note": ""}


def _figure(figure: Mapping[str, float]) -> list[str]:
    return _with_range(figure, _percent)


def _shown(figure: Mapping[str, Any]) -> str:
    return (_plain if figure["name"] in _UNITS else _percent)(figure["value"])


def _plain(value: float) -> str:
    return f"{value:,.4g}"


def _end(value: float) -> str:
    """An end of a range in its own digits: 12,500 rather than 1.25e+04."""
    if value and not _SMALL <= abs(value) < _LARGE:
        return f"{value:.4g}"
    return f"{value:,.3f}".rstrip("0").rstrip(".")


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _area(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _short(label: str) -> str:
    return _cut(label, _NAME)


def _cut(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
