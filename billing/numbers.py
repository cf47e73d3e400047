"""How quantities are written in answers."""

from decimal import Decimal


def quantity_json(value: Decimal) -> int | float:
    """Return a whole quantity as an integer, any other as a number."""
    return int(value) if value == value.to_integral_value() else float(value)


def decimal_text(value: Decimal | None) -> str | None:
    """Return an exact number as text, without needless zeros."""
    return None if value is None else f"{value.normalize():f}"
