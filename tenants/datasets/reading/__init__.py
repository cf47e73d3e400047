"""Readers: a stream of bytes becomes columns and rows, within bounded memory. No Django."""

from tenants.datasets.reading.table import Record, Table, table_open

__all__ = ["Record", "Table", "table_open"]
