"""Input files as entries, one after another, within bounded memory. No database."""

from mlworker.batches.reading.entries import Entry, Options, Source
from mlworker.batches.reading.requests import RequestSource
from mlworker.batches.reading.tables import table_source

__all__ = ["Entry", "Options", "RequestSource", "Source", "table_source"]
