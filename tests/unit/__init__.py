"""Tests inside a transaction, as the application's role."""
