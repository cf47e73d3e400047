"""Refusals of prices."""

from anneal.kernel.errors import Conflict, InvalidRequest, NotFound


class MeterUnknown(NotFound):
    """No meter, or none with a price that rules now."""

    code = "meter_unknown"
    message = "No such meter, or it has no price yet: see GET /v1/billing/prices."


class MeterInvalid(InvalidRequest):
    """A meter's code that cannot stand for a unit."""

    code = "meter_invalid"
    message = "A meter's code has 3 to 50 small letters, digits and '_', and begins with a letter."


class MeterTaken(Conflict):
    """A meter of this code exists."""

    code = "meter_taken"
    message = "A meter with this code exists: choose another code."


class UnitsInvalid(InvalidRequest):
    """A number of units that nobody can use."""

    code = "units_invalid"
    message = "Units must be a finite number of at least 0."


class CurrencyUnknown(InvalidRequest):
    """A currency without known decimals."""

    code = "currency_unknown"
    message = "No such currency: use an ISO 4217 code such as USD, JPY or KWD."


class CurrencyDecimals(InvalidRequest):
    """An amount with more decimals than the currency has coins for."""

    code = "currency_decimals"
    message = "The amount has more decimals than its currency: USD has 2, JPY none, KWD 3."


class PriceInvalid(InvalidRequest):
    """Terms that cannot be charged."""

    code = "price_invalid"
    message = "The price cannot be charged: its amounts are numbers from 0 to 10^15."


class TiersInvalid(InvalidRequest):
    """Tiers with a gap, an overlap or no end."""

    code = "tiers_invalid"
    message = "Each tier must end above the one before, and the last one must have no end."


class MatchInvalid(InvalidRequest):
    """A condition on something no usage event says."""

    code = "match_invalid"
    message = "A price may ask for task, tier and channel; channel is 'online' or 'batch'."


class PriceOverlaps(Conflict):
    """Another price would rule the same usage from the same moment."""

    code = "price_overlaps"
    message = (
        "A price of this meter, currency, plan and match begins at this moment already:"
        " choose another moment."
    )
