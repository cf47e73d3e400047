"""What metering does: it counts, makes months, and sums hours."""

from billing.metering.services.ingest import usage_check, usage_ingest
from billing.metering.services.months import months_ensure
from billing.metering.services.rollups import rollups_advance, rollups_drop

__all__ = ["months_ensure", "rollups_advance", "rollups_drop", "usage_check", "usage_ingest"]
