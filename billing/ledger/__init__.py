"""Grants, holds and balances over an append-only double-entry ledger."""
