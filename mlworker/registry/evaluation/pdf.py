"""The report as PDF by typst, in this process: some 100 ms, however large the data.

What a customer has named (labels) reaches the template as data, never as markup. The template can
read no file and no network: its input is one JSON text.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import typst

from mlworker.registry.evaluation.selectors import (
    Evaluation,
    baselines_of,
    comparison_of,
    figures_of,
)
from mlworker.registry.evaluation.texts import TEXTS

_TEMPLATE: Final = Path(__file__).with_name("report.typ")
_FONT_PACKAGE: Final = "justmytype_intl_cjk"
_FONT_FOLDER: Final = Path("fonts", "ofl", "notosanssc")
LABELS: Final = 60
CELLS: Final = 15
_NAME: Final = 80
_UNITS: Final = frozenset({"mae", "rmse", "r2", "spearman"})
"""Figures that are no shares."""


def report_pdf(found: Evaluation, *, language: str) -> bytes:
    """Return the document."""
    document: bytes = typst.compile(
        _TEMPLATE,
        sys_inputs={"data": json.dumps(_content(found, TEXTS[language], language))},
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


def _content(found: Evaluation, texts: Mapping[str, str], language: str) -> dict[str, Any]:
    """Everything the template prints, as text."""
    report = found.report
    return {
        "lang": language[:2],
        "title": texts["title"],
        "model": found.model,
        "lead": texts[f"split_{report['split']}"].format(rows=f"{report['rows']:,}"),
        "verdict": _verdict(report, texts),
        "figures": _figures(report, texts),
        "tables": [
            table(report, texts)
            for name, table in _TABLES.items()
            if report.get(name)  # what makes no sense for the task is not there
        ],
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
            f"{line['support']:,}",
        ]
        for line in shown
    ]
    head = [texts["label"], texts["precision"], texts["recall"], "F1", texts["rows"]]
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


def _calibration(report: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    rows = [
        [_percent(line["confidence"]), _percent(line["accuracy"]), f"{line['rows']:,}"]
        for line in report["calibration"]["bins"]
    ]
    return _table(texts["calibration"], [texts["score"], texts["right"], texts["rows"]], rows)


_TABLES: Final = {
    "baselines": _baselines,
    "averages": _averages,
    "per_class": _per_class,
    "confusion": _confusions,
    "slices": _slices,
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
    if found.price is not None:
        lines.append(texts["price_text"].format(**found.price))
    return lines


def _table(title: str, head: list[str], rows: list[list[str]]) -> dict[str, Any]:
    return {"title": title, "head": head, "rows": rows, "note": ""}


def _figure(figure: Mapping[str, float]) -> list[str]:
    return [_percent(figure["value"]), f"{_percent(figure['low'])} – {_percent(figure['high'])}"]


def _shown(figure: Mapping[str, Any]) -> str:
    return (_plain if figure["name"] in _UNITS else _percent)(figure["value"])


def _plain(value: float) -> str:
    return f"{value:,.4g}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _short(label: str) -> str:
    line = " ".join(label.split())
    return line if len(line) <= _NAME else f"{line[: _NAME - 1]}…"
