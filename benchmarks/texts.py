"""Rows to measure with: the MR reviews when they are here, else made-up ones of such lengths."""

import csv
import os
import random
from pathlib import Path

DATA = Path(os.environ.get("ANNEAL_DATA") or Path(__file__).resolve().parents[2] / "shared/data")
MR = DATA / "mr-sentiment-en" / "mr.csv"

_WORDS = """
the a film story of and its with acting never always warm dull funny plot music slow sharp this
that camera scene ending brilliant tired charming empty long short but so very
"""


def reviews(count: int) -> tuple[list[str], str]:
    """Return ``count`` short texts and where they come from, the same at every run."""
    dice = random.Random(20)
    if MR.exists():
        with MR.open(encoding="utf-8", newline="") as file:
            texts = [row["text"] for row in csv.DictReader(file)]
        return dice.sample(texts, count), "mr.csv"
    made = [" ".join(dice.choices(_WORDS.split(), k=dice.randint(4, 40))) for _ in range(count)]
    return made, "made up (mr.csv is absent)"
