"""A year of random customers against the ledger, and a model that has to agree with it."""
