"""The trial: promotional grants every new organization gets in the transaction that makes it."""

from anneal.kernel.events import OrganizationCreated


def organization_created(event: OrganizationCreated) -> None:
    """Grant."""
