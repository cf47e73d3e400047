"""Real hostile collections: every file is read right or refused with a 4xx, never a 5xx."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from tenants.datasets.errors import UploadRefused
from tenants.datasets.limits import DEFAULT
from tenants.datasets.reading import table_open
from tests.unit.datasets.helpers import DATA, built, corpus, good_rows, post_file, rows_of
from tests.unit.factories import error_of


def _names(folder: str, pattern: str) -> list[str]:
    return sorted(path.name for path in (DATA / folder).glob(pattern)) or ["absent"]


def _cells(data: bytes) -> list[dict[str, str]]:
    table = table_open(io.BytesIO(data), "a.csv", DEFAULT)
    rows = [*table.sample, *table.rest]
    return [dict(zip(table.columns, cells, strict=True)) for _, cells in rows]


@pytest.mark.parametrize("name", _names("csv-spectrum/csvs", "*.csv"))
def test_csv_spectrum_is_read_right(name: str) -> None:
    folder = corpus("csv-spectrum")
    data = (folder / "csvs" / name).read_bytes()
    # Upstream stores these with plain line feeds, against their name.
    data = data.replace(b"\n", b"\r\n") if "crlf" in name else data
    expected = json.loads((folder / "json" / name.replace(".csv", ".json")).read_text())
    expected = expected if isinstance(expected, list) else [expected]
    read = _cells(data)
    # Upstream's own answer has another telephone number than its file.
    wrong = {"Contact Phone Number"} if name == "location_coordinates.csv" else set()
    assert [{k: v for k, v in row.items() if k not in wrong} for row in read] == [
        {k: v for k, v in row.items() if k not in wrong} for row in expected
    ]


def _outcome(data: bytes, name: str) -> str:
    """Return 'accepted', or the code a file is refused with. Anything else raises."""
    try:
        table_open(io.BytesIO(data), name, DEFAULT)
    except UploadRefused as refusal:
        return refusal.code
    return "accepted"


REFUSALS = {
    "file_empty", "json_malformed", "json_not_objects", "json_too_deep", "lone_surrogate",
    "nul_character", "unsupported_encoding",
}  # fmt: skip


@pytest.mark.parametrize("name", _names("json-test-suite/test_parsing", "*.json"))
@pytest.mark.parametrize("ending", [".json", ".jsonl"])
def test_json_test_suite_is_read_or_refused_with_a_reason(name: str, ending: str) -> None:
    data = (corpus("json-test-suite") / "test_parsing" / name).read_bytes()
    assert _outcome(data, f"a{ending}") in REFUSALS | {"accepted"}


@pytest.mark.parametrize("name", _names("json-test-suite/test_parsing", "y_*.json"))
def test_valid_json_is_accepted_inside_a_row(name: str) -> None:
    value = (corpus("json-test-suite") / "test_parsing" / name).read_bytes()
    # Valid JSON can hold U+0000; a database cannot, so that alone is refused.
    expected = "nul_character" if name in HOLDS_NUL else "accepted"
    assert _outcome(b'[{"text": "a", "more": ' + value + b"}]", "a.json") == expected


@pytest.mark.parametrize("name", _names("json-test-suite/test_parsing", "n_*.json"))
def test_invalid_json_is_refused_inside_a_row(name: str) -> None:
    value = (corpus("json-test-suite") / "test_parsing" / name).read_bytes()
    assert _outcome(b'[{"text": "a", "more": ' + value + b"}]", "a.json") in REFUSALS


HOLDS_NUL = {"y_object_escaped_null_in_key.json", "y_string_null_escape.json"}


def _strings() -> list[str]:
    path = DATA / "naughty-strings" / "blns.json"
    return json.loads(path.read_text()) if path.is_file() else []


def test_naughty_strings_come_back_as_cells_unchanged() -> None:
    corpus("naughty-strings")
    strings = [text for text in dict.fromkeys(_strings()) if text.strip()]
    lines = [json.dumps({"text": text, "label": "ab"[n % 2]}) for n, text in enumerate(strings)]
    rows = rows_of(built("\n".join(lines).encode(), "a.jsonl"))
    assert [row["text"] for row in rows] == strings


@pytest.mark.django_db
@pytest.mark.parametrize("each", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_naughty_strings_are_names_labels_and_file_names_unchanged_or_refused(
    client_api: APIClient, each: int
) -> None:
    corpus("naughty-strings")
    kept = 0
    for text in [text for text in _strings() if text.strip()][::each]:
        rows = [*good_rows(12), *((f"own {n}", text) for n in range(3))]
        lines = "\n".join(json.dumps({"text": t, "label": c}) for t, c in rows)
        response = post_file(client_api, "/v1/datasets", lines.encode(), "a.jsonl", name=text)
        assert response.status_code in (201, 400), response.content
        if response.status_code == 201:
            kept += 1
            assert response.json()["name"] == text
            assert text.strip() in response.json()["labels"]
    assert kept > 400 / each


HOSTILE_NAMES = [
    "../../../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "a/../b.csv", "~root",
    'quote".csv', "semi;colon.csv", "new\r\nSet-Cookie: a=b.csv", "\u202egpj.csv", "汉字.csv",
    "%2e%2e%2fetc.csv", "<script>alert(1)</script>.csv", "CON", "a" * 300 + ".csv", " ", "-rf",
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("filename", HOSTILE_NAMES)
def test_a_file_name_is_a_text_and_never_a_path(
    client_api: APIClient, settings: Any, filename: str
) -> None:
    response = post_file(client_api, "/v1/files", b"text,label\n", filename, purpose="batch")
    assert response.status_code == 200
    file = response.json()
    assert not set(file["filename"]) & set("/\r\n")
    content = client_api.get(f"/v1/files/{file['id']}/content")
    assert b"".join(content.streaming_content) == b"text,label\n"
    header = content.headers["Content-Disposition"]
    assert header.startswith("attachment; filename")
    assert not set(header) & {"\r", "\n"}
    root = Path(settings.STORAGES["default"]["OPTIONS"]["location"])
    assert {path.name for path in root.iterdir()} == {"organizations"}


@pytest.mark.django_db
@pytest.mark.parametrize("filename", [".", "..", "a/..", "/"])
def test_a_file_without_a_name_is_refused(client_api: APIClient, filename: str) -> None:
    response = post_file(client_api, "/v1/files", b"text,label\n", filename, purpose="batch")
    assert response.status_code == 400
    assert error_of(response)["param"] == "file"


@pytest.mark.django_db
def test_hostile_files_get_a_4xx_and_the_next_upload_is_fine(client_api: APIClient) -> None:
    deep = b'{"text": ' + b"[" * 100_000 + b"}"
    for name, data in (
        ("a.jsonl", deep),
        ("a.json", b"[" + deep),
        ("a.csv", b"a," * 1_000_000 + b"\n"),
        ("a.csv", "text,label\n".encode("utf-16")),
        ("a.csv", b"text,label\n\0,\0\n"),
        ("a.jsonl", b'{"text": "\\ud800"}'),
        ("a.zip", b"PK\x03\x04"),
    ):
        for path in ("/v1/datasets", "/v1/datasets/preview"):
            response = post_file(client_api, path, data, name)
            assert 400 <= response.status_code < 500
            assert error_of(response)["code"] not in ("invalid_request", "internal_error")
    assert client_api.post("/v1/datasets/sample").status_code == 201
