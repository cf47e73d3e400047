"""Spans of a text with a label each (named entities): a BIO tag for every word.

The first piece of a word carries its tag; the other pieces are not asked. Offsets of answers count
characters (Unicode code points) of the text as it was sent.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, cast

from mlworker.engine.contracts import EngineError, Json
from mlworker.engine.data.spans import (
    OUTSIDE,
    Span,
    labels_of,
    spans_of,
    tag_words,
    tags_of,
    words_of,
)
from mlworker.engine.tasks.base import (
    IGNORED,
    Column,
    Row,
    Source,
    Stock,
    Target,
    invalid_data,
    rounded,
    texts_of,
)
from mlworker.engine.tokenizer import EncodedText, TextTokenizer

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

    from mlworker.engine.evaluation.counts import Ints
    from mlworker.engine.evaluation.subject import Findings, Subject
    from mlworker.engine.tasks.base import Task

MAX_LABELS = 100
_TITLE = "Token classification"


class TokenClassification:
    """The task; it has no state."""

    name = "token_classification"
    title = _TITLE
    widget = "entities"
    level: Literal["row", "token"] = "token"
    columns = (Column("text", "text", required=True), Column("label", "spans", required=True))
    primary_metric = "f1"
    headline = ("f1", "precision", "recall")
    stock = Stock("BertForTokenClassification", "TOKEN_CLS", None, "softmax")
    fewest_labels = 1
    unused: frozenset[str] = frozenset({"pooling"})
    options = frozenset({"threshold"})

    def labels(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """Distinct labels of the spans in alphabetical order."""
        return tuple(sorted({label for row in rows for _, _, label in _spans_in(row)}))

    def head_labels(self, labels: Sequence[str]) -> tuple[str, ...]:
        """O, and B and I of each label."""
        return tags_of(labels)

    def check(self, rows: Sequence[Row], labels: Sequence[str]) -> None:
        """Every row needs a text and spans that lie in it, apart, with known labels."""
        known = labels_of(labels)
        if not known or tags_of(known) != tuple(labels) or len(known) > MAX_LABELS:
            raise _invalid(f"needs the tags O, B-x, I-x of 1 to {MAX_LABELS} labels")
        texts = texts_of(rows, _TITLE)
        for number, (row, text) in enumerate(zip(rows, texts, strict=True), start=1):
            name, end = row.get("row_id", number), 0
            for start, stop, label in _spans_in(row, number):
                if not end <= start < stop <= len(text):
                    raise _invalid(f"row {name} has a span outside its text or over another")
                if label not in known:
                    raise _invalid(f"row {name} has the unknown label {label[:80]!r}")
                end = stop

    def encode(
        self, tokenizer: TextTokenizer, rows: Sequence[Row], max_length: int
    ) -> list[EncodedText]:
        """Token ids of the column `text`, with the words they came from."""
        return tokenizer.encode([str(row["text"]) for row in rows], max_length, words=True)

    def targets(
        self, rows: Sequence[Row], labels: Sequence[str], encoded: Sequence[EncodedText]
    ) -> list[tuple[int, ...]]:
        """A tag for each token that begins a word, IGNORED for the others."""
        place = {label: at for at, label in enumerate(labels_of(labels))}
        found = []
        for row, text in zip(rows, encoded, strict=True):
            words = list(words_of(text))
            spans = [Span(start, end, place[label]) for start, end, label in _spans_in(row)]
            line = [IGNORED] * len(text.ids)
            for word, tag in zip(words, tag_words(words, spans), strict=True):
                line[word.token] = tag
            found.append(tuple(line))
        return found

    def fitted(self, targets: Sequence[Target], labels: Sequence[str]) -> Task:
        """Nothing is learned beforehand; a label without a span would never be found."""
        seen = {tag for row in cast("Sequence[Sequence[int]]", targets) for tag in row}
        for at, label in enumerate(labels_of(labels)):
            if not seen & {1 + 2 * at, 2 + 2 * at}:
                raise _invalid(
                    f"the training rows have no span with the label {label[:80]!r}. "
                    "Add rows with one, or leave the label out"
                )
        return self

    def published(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As trained."""
        return dict(tensors)

    def taken_up(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As published."""
        return dict(tensors)

    def outputs(self, labels: Sequence[str]) -> int:
        """One output per tag."""
        return len(labels)

    def class_weights(self, targets: Sequence[Target], labels: Sequence[str]) -> list[float]:
        """Each tag as often as the mean one: mean 1 over words."""
        counts = [0] * len(labels)
        for row in cast("Sequence[Sequence[int]]", targets):
            for tag in row:
                if tag != IGNORED:
                    counts[tag] += 1
        return [sum(counts) / (len(labels) * max(count, 1)) for count in counts]

    def strata(self, targets: Sequence[Target], labels: Sequence[str]) -> list[int]:
        """The rarest label of a row's spans; rows without one have a number of their own."""
        found = [
            {(tag - 1) // 2 for tag in row if tag != IGNORED and tag > OUTSIDE}
            for row in cast("Sequence[Sequence[int]]", targets)
        ]
        counts = Counter(label for row in found for label in row)
        return [
            min(row, key=lambda label: (counts[label], label), default=len(labels)) for row in found
        ]

    def tensor(self, targets: Sequence[Target]) -> Tensor:
        """[T], all rows after each other."""
        import torch  # noqa: PLC0415 - the web process reads tasks, and it never imports torch

        return torch.tensor(
            [tag for row in cast("Sequence[Sequence[int]]", targets) for tag in row]
        )

    def size(self, targets: Sequence[Target]) -> int:
        """One term a word."""
        rows = cast("Sequence[Sequence[int]]", targets)
        return max(1, sum(tag != IGNORED for row in rows for tag in row))

    def loss(
        self, logits: Tensor, targets: Tensor, weights: Tensor | None, smoothing: float
    ) -> Tensor:
        """Cross entropy, summed over words."""
        from torch.nn.functional import cross_entropy  # noqa: PLC0415 - see `tensor`

        return cross_entropy(
            logits,
            targets,
            weight=weights,
            label_smoothing=smoothing,
            ignore_index=IGNORED,
            reduction="sum",
        )

    def guessing_loss(self, labels: Sequence[str]) -> float:
        """Every tag alike."""
        return math.log(len(labels))

    def answers(self, logits: Tensor) -> Tensor:
        """[T, 2]: the tag of each token and its probability; all of them would be a long answer."""
        import torch  # noqa: PLC0415 - see `tensor`

        score, tag = logits.float().softmax(dim=-1).max(dim=-1)
        return torch.stack((tag.float(), score), dim=-1)

    def evaluate(
        self, logits: Tensor, targets: Sequence[Target], labels: Sequence[str]
    ) -> dict[str, Json]:
        """Precision, recall and F1 of whole spans, as conlleval counts them; figures per label."""
        from mlworker.engine.evaluation.entities import span_metrics  # noqa: PLC0415 - numpy

        rows = cast("Sequence[Sequence[int]]", targets)
        loss = float(self.loss(logits.float(), self.tensor(targets), None, 0.0))
        tags = self.answers(logits)[:, 0].int().tolist()
        return {"loss": loss / self.size(targets), **span_metrics(tags, rows, labels_of(labels))}

    def answered(
        self,
        logits: Tensor,
        targets: Sequence[Target],
        labels: Sequence[str],
        row_ids: Ints,
    ) -> pa.Table:
        """Both lists of spans as JSON."""
        from mlworker.engine.evaluation.entities import answered  # noqa: PLC0415 - numpy

        rows = cast("Sequence[Sequence[int]]", targets)
        return answered(self.answers(logits), rows, labels_of(labels), row_ids)

    def report(self, subject: Subject) -> Findings:
        """Span figures with intervals, per label and by length; worst rows."""
        from mlworker.engine.evaluation.entities import report  # noqa: PLC0415 - numpy

        return report(subject)

    def prediction(
        self,
        values: Sequence[float],
        labels: Sequence[str],
        *,
        source: Source | None = None,
        top_k: int | None = None,
        threshold: float | None = None,
    ) -> dict[str, Json]:
        """The spans that were found; those below `threshold` are left out."""
        return {
            "entities": [
                found
                for found in _entities(values, labels, source)
                if threshold is None or cast("float", found["score"]) >= threshold
            ]
        }

    def abstains(self, values: Sequence[float], threshold: float) -> bool:
        """Never: "nothing of this kind" is an answer."""
        return False

    def pipeline(
        self,
        values: Sequence[float],
        labels: Sequence[str],
        *,
        source: Source | None = None,
        top_k: int | None = None,
    ) -> list[Json]:
        """The spans as an aggregating pipeline gives them."""
        return [
            {
                "entity_group": found["label"],
                "score": rounded(cast("float", found["score"])),
                "word": found["text"],
                "start": found["start"],
                "end": found["end"],
            }
            for found in _entities(values, labels, source)
        ]


def _entities(
    values: Sequence[float], labels: Sequence[str], source: Source | None
) -> list[dict[str, Json]]:
    """Spans of the text, each with the mean probability of its words' tags."""
    if source is None:
        raise ValueError("an answer about tokens needs its text")
    words = list(words_of(source.encoded))
    names = labels_of(labels)
    scores = [values[2 * word.token + 1] for word in words]
    found: list[dict[str, Json]] = []
    for span in spans_of([int(values[2 * word.token]) for word in words]):
        start, end = words[span.start].start, words[span.end - 1].end
        found.append(
            {
                "label": names[span.label],
                "start": start,
                "end": end,
                "text": source.text[start:end],
                "score": math.fsum(scores[span.start : span.end]) / (span.end - span.start),
            }
        )
    return found


def _spans_in(row: Row, number: int = 0) -> list[tuple[int, int, str]]:
    """A list of [start, end, label], or its JSON text."""
    given = row.get("label")
    try:
        found = json.loads(given) if isinstance(given, str) else given
        if not isinstance(found, list):
            raise ValueError("no list")
        spans = [(start, end, label) for start, end, label in found]
    except (ValueError, TypeError):
        spans = [(None, None, None)]
    for start, end, label in spans:
        if type(start) is not int or type(end) is not int or not isinstance(label, str):
            raise _invalid(
                f"row {row.get('row_id', number)} has no list of spans [start, end, label]"
            )
    return spans


def _invalid(reason: str) -> EngineError:
    return invalid_data(_TITLE, reason)


TASK = TokenClassification()
