"""Who adds lines to the list of models: other apps register a source, the registry asks all."""

from collections.abc import Callable, Iterable
from typing import Final

from anneal.kernel.scopes import OrganizationRef
from mlworker.registry.contracts import ModelListing

ModelSource = Callable[[OrganizationRef], Iterable[ModelListing]]

_sources: Final[list[ModelSource]] = []


def register_model_source(source: ModelSource) -> None:
    """Ask ``source`` too, before the registry's own names. Registering twice counts once."""
    if source not in _sources:
        _sources.append(source)


def registered_listings(organization: OrganizationRef) -> list[ModelListing]:
    """Return what the registered sources list for an organization."""
    return [listing for source in _sources for listing in source(organization)]
