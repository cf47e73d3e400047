"""The input file of a batch: opened for a worker, and read through to count it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from anneal.kernel.storage import object_open
from mlworker.batches.errors import BatchFileEmpty, BatchFileUnfit, BatchInputGone, BatchTooLong
from mlworker.batches.limits import MAX_REQUESTS
from mlworker.batches.reading import Entry, RequestSource, Source, table_source
from mlworker.batches.reading.tables import columns_fit
from mlworker.batches.serves import ANSWER_FIELDS, field_of
from mlworker.batches.states import Form
from mlworker.batches.working import Counted, Work, input_required
from tenants.datasets.limits import configured


@contextmanager
def input_opened(work: Work) -> Iterator[Source]:
    """Open the input. BatchInputGone, and what `source_open` raises."""
    try:
        stored = object_open(input_required(work))
    except FileNotFoundError as fault:
        raise BatchInputGone(param="input_file_id") from fault
    with stored:
        yield source_open(
            stored, work.filename, form=work.form, endpoint=work.endpoint, column=work.text_column
        )


def source_open(
    stored: BinaryIO, filename: str, *, form: Form, endpoint: str, column: str
) -> Source:
    """Open a file as what it is said to hold. Raises UploadRefused, BatchFileUnfit, ..."""
    if form is Form.REQUESTS:
        return RequestSource(stored, endpoint)
    return table_source(stored, filename, column, configured())


def file_count(source: Source, entries: Iterable[Entry], *, model: str) -> tuple[Counted, int]:
    """Read a file's entries, or its first ones; return what it holds, and how many are bad.

    Raises BatchFileEmpty, BatchTooLong, BatchFileUnfit when no request can be read.
    """
    requests = items = bad = 0
    first = ""
    columns = dict.fromkeys(source.columns)
    limits = configured()
    for entry in entries:
        requests += 1
        if requests > MAX_REQUESTS:
            raise BatchTooLong(param="input_file_id")
        if isinstance(entry.record, dict):
            # The columns are those of the beginning. An object further down may have a field that
            # an answer would overwrite; what else it has takes nobody's place.
            late = [name for name in entry.record if field_of(name) in ANSWER_FIELDS]
            if not columns.keys() >= set(late):
                columns.update(dict.fromkeys(late))
                columns_fit(tuple(columns), limits)
        if entry.problem is not None:
            bad += 1
            first = first or entry.problem.text
            continue
        model = model or entry.model
        if entry.model in ("", model):
            items += len(entry.texts)
        else:
            bad += 1
    if requests == 0:
        raise BatchFileEmpty(param="input_file_id")
    if not model:
        raise BatchFileUnfit(
            f"No line of the file is a request. The first one: {first}", param="input_file_id"
        )
    return Counted(requests, items, model, source.text_column, tuple(columns), source.kind), bad
