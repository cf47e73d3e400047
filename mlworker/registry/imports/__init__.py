"""Models that were trained elsewhere, taken in as versions of the organization."""
