"""The calls of ``/v1/batches``."""
