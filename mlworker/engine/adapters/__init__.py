"""Low-rank updates of a base's linear layers."""
