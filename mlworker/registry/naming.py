"""Names of model versions: ``ft:{base}:{organization}:{suffix}:{id}``."""

from typing import Final
from uuid import UUID

from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef

PREFIX: Final = "ft:"
SUFFIX_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_RANDOM_TAIL: Final = 10  # the last 50 bits of a UUIDv7 are random


def model_version_name(
    *, base: str, organization: OrganizationRef, suffix: str, version_id: UUID
) -> str:
    """Return the name; an empty suffix leaves its place empty, as OpenAI does."""
    tail = public_id("", version_id)[-_RANDOM_TAIL:]
    return f"{PREFIX}{base}:{organization.slug}:{suffix}:{tail}"
