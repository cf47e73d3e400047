"""Money: what things cost, what was used, and the ledger that nothing can overdraw."""
