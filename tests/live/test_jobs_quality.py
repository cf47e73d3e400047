"""How good a model the defaults make of real reviews, through the public API."""

import csv
import io
import os
import sys
from pathlib import Path

import pytest

from tenants.datasets.samples import sample_csv
from tests.live.machine import ROOT, Installation
from tests.live.training import Customer

DATA = Path(os.environ.get("ANNEAL_DATA") or ROOT.parent / "shared" / "data")
MR = DATA / "mr-sentiment-en" / "mr.csv"
PART = 1_500
MAJORITY = 0.5
SECONDS = 3600.0


def _part_of_mr() -> bytes:
    """Return every seventh review or so: the file is sorted by its label."""
    with MR.open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header, *rows[:: len(rows) // PART][:PART]])
    return out.getvalue().encode()


def _trained(
    installation: Installation, content: bytes, tier: str, capsys: pytest.CaptureFixture[str]
) -> float:
    customer = Customer(installation)
    upload = {"file": ("mr.csv", content, "text/csv")}
    dataset = customer.call("POST", "/datasets", files=upload).json()["id"]
    job = customer.ended(customer.submit(dataset, tier=tier, seed=0), SECONDS)
    assert job["status"] == "succeeded", job["error"]
    accuracy: float = job["metrics"]["test"]["accuracy"]
    speed = job["progress"]["rows_per_second"]
    with capsys.disabled():
        # Standard output belongs to the other process where tests run in two.
        sys.stderr.write(f"\n{tier}: {accuracy:.4f} test accuracy, {speed:.0f} rows/s\n")
    return accuracy


def test_the_head_tier_learns_from_a_part_of_the_reviews(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    content = _part_of_mr() if MR.is_file() else sample_csv(PART)
    assert _trained(installation, content, "head", capsys) >= MAJORITY + 0.2


@pytest.mark.slow
@pytest.mark.skipif(not MR.is_file(), reason=f"real data absent: {MR} (set ANNEAL_DATA)")
@pytest.mark.parametrize(("tier", "least"), [("head", 0.76), ("lora", 0.81)])
def test_the_defaults_reach_their_accuracy_on_all_reviews(
    installation: Installation, tier: str, least: float, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _trained(installation, MR.read_bytes(), tier, capsys) >= least
