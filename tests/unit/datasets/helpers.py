"""Small files, and the way to the real ones."""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from rest_framework.test import APIClient

from tenants.datasets.build import Built, version_build
from tenants.datasets.contracts import ColumnMapping
from tenants.datasets.limits import DEFAULT, Limits
from tenants.datasets.splits import SEED

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("ANNEAL_DATA") or ROOT.parent / "shared" / "data")


def corpus(folder: str) -> Path:
    """Return a folder of the real data, or skip the test and say which is missing."""
    path = DATA / folder
    if not path.is_dir():
        pytest.skip(f"real data absent: {folder} (set ANNEAL_DATA)", allow_module_level=True)
    return path


def csv_of(rows: Sequence[tuple[str, str]], header: str = "text,label") -> bytes:
    """Write plain rows, without any quoting."""
    return "\n".join([header, *(f"{text},{label}" for text, label in rows), ""]).encode()


def good_rows(count: int = 40) -> list[tuple[str, str]]:
    """Return rows that give no warning when there are 40 or more."""
    return [(f"text number {n}", ("good", "bad")[n % 2]) for n in range(count)]


def built(
    data: bytes,
    filename: str = "a.csv",
    mapping: ColumnMapping | None = None,
    limits: Limits = DEFAULT,
    seed: int = SEED,
    task: str = "text_classification",
) -> Built:
    """Build a version of bytes."""
    made = version_build(
        io.BytesIO(data), filename=filename, mapping=mapping, seed=seed, limits=limits, task=task
    )
    assert made is not None
    return made


def rows_of(made: Built) -> list[dict[str, Any]]:
    """Return the rows a version would store."""
    assert made.parquet is not None
    rows: list[dict[str, Any]] = pq.read_table(made.parquet).to_pylist()
    return rows


def codes(made: Built) -> dict[str, int]:
    """Return code -> count of all findings."""
    return {line.code: line.count for line in (*made.report.errors, *made.report.warnings)}


def post_file(
    client: APIClient, path: str, data: bytes, filename: str = "a.csv", **form: str
) -> Any:
    """Upload bytes as a browser does. Django's test client would tidy the file's name up."""
    escaped = filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    parts = [
        f'name="{name}"\r\n\r\n'.encode() + value.encode("utf-8", "surrogatepass")
        for name, value in form.items()
    ]
    parts.append(f'name="file"; filename="{escaped}"\r\n\r\n'.encode() + data)
    mark = b"--boundary-of-the-test"
    body = b"".join(
        mark + b"\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts
    )
    kind = "multipart/form-data; boundary=boundary-of-the-test"
    return client.generic("POST", path, body + mark + b"--\r\n", content_type=kind)
