"""Parts that are gone from storage when a batch ends: the input is read again and says which rows.

A part's answers cannot be had again without being paid again, so its rows are errors and given
back. The reasons of its bad rows follow from the input, and are as they were.
"""

from dataclasses import replace
from itertools import islice

from anneal.kernel.errors import DomainError, StorageUnavailable
from anneal.kernel.storage import object_exists
from mlworker.batches.chunks import Chunk, entry_check
from mlworker.batches.errors import BatchPartLost
from mlworker.batches.limits import READING_SECONDS
from mlworker.batches.opening import input_opened
from mlworker.batches.parts import Part
from mlworker.batches.reading import Entry
from mlworker.batches.serves import Serves
from mlworker.batches.working import Work, kept, lease_renew
from mlworker.batches.writing import Written, requests_written, rows_written


def parts_mended(work: Work, serves: Serves, parts: list[Part]) -> tuple[list[Part], str]:
    """Return the parts without what is gone, and a sentence if answers are."""
    lease_renew(work.claim, READING_SECONDS)
    found = [_without(part) for part in parts]
    lost = sum(part.requests - part.failed for part in found if part.lost)
    told = f"What was answered of {lost:,} rows is gone from storage, and was not charged: "
    named = "send those of the error file again."
    try:
        found = _named(work, serves, parts, found)
    except StorageUnavailable:
        raise
    except DomainError as error:
        named = f"no file names them. {error.text}"
    return found, told + named if lost else ""


def _without(part: Part) -> Part:
    if _gone(part.output):
        return replace(part, output=b"", errors=b"", lost=True)
    return replace(part, errors=b"") if _gone(part.errors) else part


def _gone(lines: str | bytes) -> bool:
    return isinstance(lines, str) and lines != "" and not object_exists(lines)


def _named(work: Work, serves: Serves, parts: list[Part], found: list[Part]) -> list[Part]:
    """Return the parts with lines for the rows of what is gone. Raises what reading them does."""
    made: list[Part] = []
    with input_opened(work) as source:
        entries = kept(work.claim, source.entries())
        for before, part in zip(parts, found, strict=True):
            rows = list(islice(entries, part.requests))
            if part == before:
                made.append(part)
            else:
                made.append(_again(work, serves, part, rows))
    return made


def _again(work: Work, serves: Serves, part: Part, rows: list[Entry]) -> Part:
    for entry in rows:
        entry_check(serves, entry)
        if part.lost and entry.problem is None:
            entry.problem = BatchPartLost()
    bad = [entry for entry in rows if entry.problem is not None]
    written = _written(work, serves, Chunk(part.number, bad))
    output = written.output if part.lost else part.output
    return replace(part, output=output, errors=written.errors)


def _written(work: Work, serves: Serves, chunk: Chunk) -> Written:
    if work.table is None:
        return requests_written(work.claim.batch_id, serves, chunk, None)
    return rows_written(serves, chunk, None, work.table)
