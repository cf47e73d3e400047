"""A small review set, generated: learnable, not trivial, the same on every machine.

Every text is made by filling sentence patterns from word lists. Some say the opposite of their
words ("not a dull moment") or begin with the other opinion ("the trailer looked awful, but ..."),
so that counting words alone does not solve it. All of it was written for this repository.
"""

import csv
import io
import random
from functools import cache
from typing import Final, NamedTuple

SAMPLE_NAME: Final = "Sample reviews"
SAMPLE_FILENAME: Final = "sample-reviews.csv"
SAMPLE_ROWS: Final = 600
SAMPLE_SEED: Final = 7
POSITIVE: Final = "positive"
NEGATIVE: Final = "negative"


class Thing(NamedTuple):
    """What a review is about: its parts are what the sentences praise or blame."""

    name: str
    parts: tuple[str, ...]


THINGS: Final = (
    Thing("film", ("plot", "lead actor", "soundtrack", "ending", "dialogue", "pacing")),
    Thing("restaurant", ("soup", "service", "dessert", "menu", "atmosphere", "kitchen")),
    Thing("hotel", ("room", "breakfast", "front desk", "bed", "view", "pool")),
    Thing("phone", ("battery", "screen", "camera", "speaker", "keyboard", "charger")),
    Thing("novel", ("first chapter", "hero", "prose", "translation", "twist", "last page")),
    Thing("course", ("teacher", "exercises", "videos", "schedule", "feedback", "final project")),
)
GOOD: Final = (
    "delightful", "excellent", "charming", "superb", "reliable", "memorable", "generous",
    "thoughtful", "brilliant", "wonderful", "impressive", "a pleasure", "worth every cent",
    "better than I hoped", "beautifully done", "warm and honest",
)  # fmt: skip
BAD: Final = (
    "dreadful", "disappointing", "clumsy", "awful", "unreliable", "forgettable", "stingy",
    "careless", "boring", "terrible", "mediocre", "a chore", "a waste of money",
    "worse than I feared", "badly done", "cold and lifeless",
)  # fmt: skip
PRAISE: Final = (
    "The {part} of this {thing} was {good}.",
    "I found the {part} {good}, and the {other} hardly less so.",
    "What a {thing}! The {part} is {good}.",
    "Not once was the {part} {bad}; I would come back for it.",
    "I expected the {part} to be {bad}, but it turned out {good}.",
    "My friends called this {thing} {bad}. They are wrong, the {part} alone is {good}.",
    "It is hard to find fault with the {part}.",
    "The {other} could be cheaper, yet the {part} was {good} and I left happy.",
    "Never a {thing} made me smile like this one; the {part} is {good}.",
    "Nobody who cares about a good {part} should miss this {thing}.",
)
BLAME: Final = (
    "The {part} of this {thing} was {bad}.",
    "I found the {part} {bad}, and the {other} hardly better.",
    "What a let-down of a {thing}. The {part} is {bad}.",
    "Not once was the {part} {good}; I would not come back for it.",
    "I expected the {part} to be {good}, but it turned out {bad}.",
    "My friends called this {thing} {good}. They are wrong, the {part} alone is {bad}.",
    "It is hard to find anything kind to say about the {part}.",
    "The {other} could not be cheaper, yet the {part} was {bad} and I left annoyed.",
    "Never has a {thing} tired me like this one; the {part} is {bad}.",
    "Nobody who cares about a good {part} should go near this {thing}.",
)
FRAMES: Final = (
    "{}", "{}", "{}", "We went on a {day}. {}", "{} That was on a {day}.",
    "Second visit, on a {day}. {}", "{} My {friend} agrees.", "My {friend} chose it. {}",
    "{} Ask my {friend}.",
)  # fmt: skip
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FRIENDS: Final = ("sister", "neighbour", "colleague", "father", "daughter", "husband", "flatmate")


def sample_reviews(rows: int = SAMPLE_ROWS, seed: int = SAMPLE_SEED) -> list[tuple[str, str]]:
    """Return ``rows`` different (text, label) pairs, half of each label, in mixed order."""
    chance = random.Random(seed)  # noqa: S311 # a generator of texts, not of secrets
    texts: dict[str, str] = {}
    while len(texts) < rows:
        label = POSITIVE if len(texts) % 2 == 0 else NEGATIVE
        texts.setdefault(_review(chance, label), label)
    pairs = list(texts.items())
    chance.shuffle(pairs)
    return pairs


def sample_csv(rows: int = SAMPLE_ROWS, seed: int = SAMPLE_SEED) -> bytes:
    """Return the same as a CSV file with the columns text and label."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("text", "label"))
    writer.writerows(sample_reviews(rows, seed))
    return out.getvalue().encode("utf-8")


@cache
def sample_file() -> bytes:
    """Return the file that everybody gets who asks for the sample: it is written once."""
    return sample_csv()


def _review(chance: random.Random, label: str) -> str:
    thing = chance.choice(THINGS)
    part, other = chance.sample(thing.parts, 2)
    pattern = chance.choice(PRAISE if label == POSITIVE else BLAME)
    sentence = pattern.format(
        thing=thing.name,
        part=part,
        other=other,
        good=chance.choice(GOOD),
        bad=chance.choice(BAD),
    )
    frame = chance.choice(FRAMES)
    return frame.format(sentence, day=chance.choice(DAYS), friend=chance.choice(FRIENDS))
