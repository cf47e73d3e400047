"""Readers: a stream of bytes becomes columns and rows, within bounded memory. No Django."""

from tenants.datasets.reading.onehot import COLUMN as ONE_HOT
from tenants.datasets.reading.table import Record, Table, table_open

__all__ = ["ONE_HOT", "Record", "Table", "table_open"]
