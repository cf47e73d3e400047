"""Refusals of prices."""

from anneal.kernel.errors import InvalidRequest, NotFound


class MeterUnknown(NotFound):
    """No meter, or none with a price that rules now."""

    code = "meter_unknown"
    message = "No such meter, or it has no price yet: see GET /v1/billing/prices."


class UnitsInvalid(InvalidRequest):
    """A number of units that nobody can use."""

    code = "units_invalid"
    message = "Units must be a finite number of at least 0."
