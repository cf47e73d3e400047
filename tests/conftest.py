"""Which test files begin: two processes share out the files, and a long one left for the end keeps
one of them working while the other waits.
"""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FIRST = (
    "tests/unit/engine/test_exporting.py",
    "tests/unit/engine/test_child.py",
    "tests/unit/test_hostile_requests.py",
    "tests/unit/engine/test_quality.py",
    "tests/live/test_jobs_faults.py",
    "tests/live/test_serving_faults.py",
    "tests/live/test_jobs_endings.py",
    "tests/live/test_machine_room.py",
    "tests/live/test_study.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the others stay in their order."""
    places = {ROOT / name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))
