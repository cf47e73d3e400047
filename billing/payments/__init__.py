"""Payments: cards, checkouts, attempts to collect, refunds and disputes, by a provider."""
