"""Rows to batches: reading, packing without padding, ordering by length, cached features."""
