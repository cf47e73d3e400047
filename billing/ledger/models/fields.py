"""The column every amount is kept in."""

from decimal import Decimal

from django.db import models


def amount_field() -> "models.DecimalField[Decimal | int, Decimal]":
    """Return a column for an amount that begins at nothing."""
    return models.DecimalField(max_digits=38, decimal_places=12, default=0)
