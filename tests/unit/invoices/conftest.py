"""Books of a committed database, as the ledger's tests have them."""

from tests.unit.billing.conftest import books

__all__ = ["books"]
