"""Hostile first inputs against a running installation: refused with a reason, nothing dies."""

import csv
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import psutil
import pytest

from tenants.datasets.samples import sample_csv
from tests.live.machine import ROOT, Installation

DATA = Path(os.environ.get("ANNEAL_DATA") or ROOT.parent / "shared" / "data")
GIGABYTE = 2**30
DEEP = b'{"text": ' + b"[" * 100_000
LINE = b"x" * 20_000_000

HOSTILE = {
    "deep.jsonl": (DEEP, "json_too_deep"),
    "deep.json": (b"[" + DEEP, "json_too_deep"),
    "line.csv": (b"text,label\n" + LINE, "record_too_large"),
    "line.jsonl": (b'{"text": "' + LINE, "record_too_large"),
    "line.json": (b'[{"text": "' + LINE, "record_too_large"),
    "columns.csv": (b"a," * 1_000_000 + b"\n", "too_many_columns"),
    "wide.csv": ("text,label\n".encode("utf-16"), "unsupported_encoding"),
    "nul.csv": (b"text,label\na\0,b\n", "nul_character"),
    "half.jsonl": (b'{"text": "\\ud800", "label": "a"}\n', "lone_surrogate"),
    "quotes.csv": (b'text,label\n"open,a\n' + b"words,a\n" * 2_000_000, "cell_too_large"),
    "large.csv": (b"text,label\n" + b"word,a\n" * 15_000_000, "file_too_large"),
    "sheet.xlsx": (b"PK\x03\x04", "unsupported_format"),
    "empty.csv": (b"", "file_empty"),
}


def _corpus(folder: str) -> Path:
    path = DATA / folder
    if not path.is_dir():
        pytest.skip(f"real data absent: {folder} (set ANNEAL_DATA)")
    return path


@pytest.fixture(scope="module")
def key(installation: Installation) -> str:
    return installation.account_new().key


@pytest.fixture
def api(installation: Installation, key: str) -> Iterator[httpx.Client]:
    """A client with a key, which checks at the end that every process is the one it was."""
    before = {name: installation.pids(name)[0] for name in ("web", "worker-default")}
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=installation.url, headers=headers, timeout=60) as client:
        yield client
        assert client.get("/livez").status_code == 200
    assert {name: installation.pids(name)[0] for name in before} == before


def _memory(installation: Installation) -> int:
    return sum(psutil.Process(pid).memory_info().rss for pid in installation.pids("web"))


def _code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_file_is_refused_quickly_in_little_memory(
    installation: Installation, api: httpx.Client, name: str
) -> None:
    data, code = HOSTILE[name]
    began = time.monotonic()
    answer = api.post("/v1/datasets", files={"file": (name, data)})
    assert (answer.status_code // 100, _code(answer)) == (4, code)
    assert time.monotonic() - began < 30
    assert _memory(installation) < GIGABYTE
    after = api.post("/v1/datasets/sample")
    assert (after.status_code, after.json()["status"]) == (201, "ready")


def test_a_long_file_becomes_ready_in_the_background(api: httpx.Client) -> None:
    rows = sample_csv(rows=25_000)
    made = api.post("/v1/datasets", files={"file": ("long.csv", rows)}).json()
    assert made["status"] == "processing"
    address = f"/v1/datasets/{made['id']}"
    ends = time.monotonic() + 60
    while (now := api.get(address).json())["status"] == "processing" and time.monotonic() < ends:
        time.sleep(0.2)
    assert (now["status"], now["rows"]) == ("ready", 25_000)
    assert now["latest_version"]["splits"] == {"train": 20_000, "validation": 2_500, "test": 2_500}


def test_the_json_test_suite_as_bodies_and_as_files_never_breaks_anything(
    api: httpx.Client,
) -> None:
    dataset = api.post("/v1/datasets/sample").json()["id"]
    headers = {"Content-Type": "application/json"}
    statuses = {}
    for path in sorted((_corpus("json-test-suite") / "test_parsing").glob("*.json")):
        data = path.read_bytes()
        body = api.post(f"/v1/datasets/{dataset}/versions", content=data, headers=headers)
        file = api.post("/v1/datasets/preview", files={"file": (path.name, data)})
        statuses[path.name] = {body.status_code, file.status_code}
    bad = {name: found for name, found in statuses.items() if not found <= set(range(200, 500))}
    assert bad == {}
    accepted = {name for name, found in statuses.items() if name.startswith("n_") and 200 in found}
    assert accepted == set()


def test_the_csv_spectrum_as_files_never_breaks_anything(api: httpx.Client) -> None:
    for path in sorted((_corpus("csv-spectrum") / "csvs").glob("*.csv")):
        data = path.read_bytes()
        with path.open(encoding="utf-8", newline="") as lines:
            first, *_, last = next(csv.reader(lines))
        mapping = json.dumps({"text": first, "label": last})
        seen = api.post("/v1/datasets/preview", files={"file": (path.name, data)})
        made = api.post(
            "/v1/datasets",
            files={"file": (path.name, data)},
            data={"column_mapping": mapping},
        )
        assert (seen.status_code, made.status_code) == (200, 201), (path.name, made.text)
        assert made.json()["validation_report"]["rows"] >= 1, path.name


def test_naughty_strings_become_a_dataset_as_they_are(api: httpx.Client) -> None:
    path = _corpus("naughty-strings") / "blns.json"
    texts = [text for text in json.loads(path.read_text(encoding="utf-8")) if text.strip()]
    rows = [{"text": text, "label": "ab"[number % 2]} for number, text in enumerate(texts)]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()

    made = api.post("/v1/datasets", files={"file": ("naughty.jsonl", lines)})

    assert made.status_code == 201, made.text
    assert made.json()["status"] == "ready"
    assert made.json()["validation_report"]["rows"] >= len(set(texts)) - 1


def test_the_unchanged_openai_client_moves_files(installation: Installation, key: str) -> None:
    client = openai.OpenAI(base_url=f"{installation.url}/v1", api_key=key, max_retries=0)
    data = b'{"prompt": "fine", "completion": "good"}\n'
    made = client.files.create(file=("train.jsonl", data), purpose="fine-tune")
    assert (made.filename, made.bytes, made.purpose) == ("train.jsonl", len(data), "fine-tune")
    assert client.files.retrieve(made.id) == made
    assert made.id in {file.id for file in client.files.list(purpose="fine-tune")}
    assert client.files.content(made.id).read() == data
    assert client.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made.id)
