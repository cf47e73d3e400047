"""Serving: one resident base, the small weights of many models beside it, mixed batches."""

from mlworker.engine.inference.resident import Resident
from mlworker.engine.inference.rows import TokenRow, plan_batches
from mlworker.engine.inference.slots import SlotsExhausted, SlotTable

__all__ = ["Resident", "SlotTable", "SlotsExhausted", "TokenRow", "plan_batches"]
