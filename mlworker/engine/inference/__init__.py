"""Serving: one resident base, many small adapters and heads, rows of many models in one batch."""

from mlworker.engine.data.batches import plan_batches
from mlworker.engine.inference.lanes import serving_precision
from mlworker.engine.inference.resident import Resident, TokenRow
from mlworker.engine.inference.slots import SlotsExhausted, SlotTable

__all__ = [
    "Resident",
    "SlotTable",
    "SlotsExhausted",
    "TokenRow",
    "plan_batches",
    "serving_precision",
]
