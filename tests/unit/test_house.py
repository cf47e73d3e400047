"""Rules of the house that no linter knows."""

import ast
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("platform/anneal", "tenants", "billing", "mlworker", "tests", "benchmarks")


def _sources() -> list[Path]:
    return [path for folder in OURS for path in (ROOT / folder).rglob("*.py")]


def test_platform_is_the_standard_librarys() -> None:
    assert Path(platform.__file__).parent == Path(sysconfig.get_paths()["stdlib"])
    assert list((ROOT / "platform").glob("*.py")) == []
    assert list((ROOT / "docker").glob("**/*.py")) == []


def test_the_web_process_knows_no_torch() -> None:
    code = (
        "import sys, anneal.asgi, anneal.urls\n"
        "from django.urls import get_resolver\n"
        "get_resolver().url_patterns\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}"
        " & {'torch', 'transformers', 'peft', 'sklearn', 'optuna', 'onnxruntime'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_no_file_has_more_than_four_hundred_lines() -> None:
    long = [
        str(path.relative_to(ROOT))
        for path in _sources()
        if "migrations" not in path.parts and len(path.read_text().splitlines()) > 400
    ]
    assert long == []


def test_no_function_has_more_than_fifty_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in _sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= 50
    ]
    assert long == []


def test_every_package_has_its_init() -> None:
    bare = {
        str(path.parent.relative_to(ROOT))
        for path in _sources()
        if not (path.parent / "__init__.py").exists()
    }
    assert bare == set()


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("transaction=True", "the app role cannot flush"),
        ("RunPython(", "bare RunPython sees no rows under FORCE: wrap the function in as_system"),
        ("sqlite", "SQLite drops row locks and row level security"),
        ("torch.load(", "weights are safetensors only"),
        ("import pickle", "nothing is ever unpickled"),
        (".get_or_create(", "outside a savepoint it races: use an upsert or the unique constraint"),
        ("AsyncResult", "results are rows, not messages"),
    ],
)
def test_forbidden_words_stay_out(pattern: str, reason: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _sources()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern in line and "as_system(" not in line
    ]
    assert found == [], reason
