"""What time does to the ledger: holds and grants end."""

from billing.ledger import functions

BATCH = 1000


def ledger_tidy() -> int:
    """End one batch of holds nobody settled and of grants that are due; return how many.

    Runs in a system scope. A full batch means there may be more.
    """
    return functions.hold_reap(most=BATCH) + functions.ledger_sweep(most=BATCH)
