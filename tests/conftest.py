"""How two processes share out the test files of a suite.

A file stays in one process, and so do folders whose files stand on the same costly fixture. The
longest begin: one that is left for the end keeps one process at work while the other waits.
"""

from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[1]
TOGETHER = (
    "tests/unit/tasks/",
    "tests/live/impatient/",
    "tests/live/broken/",
    # What is no folder's: as long as the folders, and all on one installation.
    "tests/live/test_",
)
LONGEST_FIRST = (
    "tests/unit/engine/test_study.py",
    "tests/unit/engine/test_child.py",
    "tests/unit/tasks/test_tiers.py",
    "tests/unit/jobs/test_reproducing.py",
    "tests/unit/engine/test_quality.py",
    "tests/unit/test_hostile_requests.py",
    "tests/unit/local/test_preamble.py",
    "tests/unit/engine/test_exporting_tasks.py",
    "tests/unit/engine/test_resume.py",
    "tests/unit/engine/test_kills.py",
    "tests/live/impatient/test_jobs_faults.py",
    "tests/live/test_machine_room.py",
    "tests/live/narrow/test_jobs_endings.py",
    "tests/live/broken/test_serving_faults.py",
    "tests/live/broken/test_batches.py",
    "tests/live/impatient/test_study.py",
    "tests/browser/test_pages.py",
    "tests/browser/test_studies.py",
    "tests/browser/test_evaluation.py",
    "tests/browser/test_row_samples.py",
)


class ByFile(LoadScopeScheduling):
    """Hands out files, or folders that belong together, and not single tests."""

    def _split_scope(self, nodeid: str) -> str:
        folder = next((each for each in TOGETHER if nodeid.startswith(each)), None)
        return folder or nodeid.split("::", 1)[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    """Say who hands out the work."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the others stay in their order."""
    places = {ROOT / name: place for place, name in enumerate(LONGEST_FIRST)}
    assert all(path.exists() for path in places), "LONGEST_FIRST names a file that is gone."
    items.sort(key=lambda item: places.get(item.path, len(places)))
