"""Where a batch's parts and files lie. Each claim has names of its own: a worker that lost the
batch and does not know it yet overwrites nothing of the next one.
"""

from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID, uuid5

from anneal.kernel.storage import object_delete, tenant_key
from mlworker.batches.contracts import Claim

KINDS: Final = ("output", "errors")


@dataclass(frozen=True, slots=True)
class Part:
    """What a chunk left: the keys of its lines, or the lines where these had to be made again."""

    number: int
    requests: int
    failed: int
    items: int
    output: str | bytes
    errors: str | bytes
    """Empty where there are none."""
    lost: bool = False
    """Its answers are gone from storage."""


def part_key(claim: Claim, number: int, kind: str) -> str:
    """Return where a chunk's lines lie."""
    name = f"{number:06d}-{claim.fence}-{kind}"
    return tenant_key(claim.organization, "batches", claim.public_id, name)


def file_id(claim: Claim, kind: str) -> UUID:
    """Return a file's id: it follows from the batch's, so a batch has one of each."""
    return uuid5(claim.batch_id, kind)


def file_key(claim: Claim, kind: str) -> str:
    """Return where a file lies."""
    return tenant_key(claim.organization, "files", f"{file_id(claim, kind)}-{claim.fence}")


def leftovers_delete(claim: Claim, *, fence: int, chunks: int) -> None:
    """Delete what the claim ``fence`` stored and, dead, did not write down; 0 is none.

    It was one chunk behind those that are, or files. They hold texts that nothing else names.
    """
    dead = replace(claim, fence=fence)
    if fence:
        for kind in KINDS:
            object_delete(part_key(dead, chunks + 1, kind))
            object_delete(file_key(dead, kind))
