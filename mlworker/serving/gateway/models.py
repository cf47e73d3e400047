"""What `model` stands for, kept half a minute and dropped when a deployment changes.

The look-up itself is one synchronous unit in a thread: it goes through the same selectors and the
same tenant scope as the rest of the product.
"""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.utils import DatabaseError

from anneal.kernel.errors import InvalidRequest, NotFound, Unavailable
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.ledger.services import hold_check
from mlworker.catalog.selectors import base_model_get
from mlworker.engine.base.config import BertConfig
from mlworker.engine.base.locate import locate_base
from mlworker.registry.contracts import ServableModel
from mlworker.registry.selectors import model_version_resolve
from mlworker.serving.contracts import LogInfo, ModelTarget
from mlworker.serving.errors import DeploymentPaused, ModelNotFound
from mlworker.serving.gateway.caches import AgedCache
from mlworker.serving.gateway.ledger import UNIT
from mlworker.serving.gateway.turns import Turns
from mlworker.serving.pinning import Pinned, stream_pin
from mlworker.serving.protocol import EMBEDDING_TIER, ModelSpec
from mlworker.serving.selectors import model_find
from mlworker.serving.shaping import Shape, shape_of

MODEL_SECONDS: Final = 30.0
MODELS_KEPT: Final = 20_000
LOOKS: Final = 2
"""Names of one organization that are looked up at once: half of the threads there are."""
EMBEDDING_MAX_LENGTH: Final = 256
"""Longer texts were not in the base's own training."""

Name = tuple[UUID, str]


@dataclass(frozen=True, slots=True)
class Choice:
    """One model a call runs on."""

    servable: ServableModel
    spec: ModelSpec
    shape: Shape | None = None
    """What its deployment makes of its answers; None for nothing."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """A stream with an Idempotency-Key: what names it, and what it begins with."""

    digest: str
    random: bytes
    """Of the call's id, which chooses its model."""
    items: int
    """Of its first part."""
    key_id: UUID | None = None
    member_id: UUID | None = None
    """Whose limits count it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A resolved name, ready for the hot path."""

    name: str
    deployment_id: UUID | None
    main: Choice
    canary: Choice | None
    canary_percent: int
    paused: bool = False
    shadow: Choice | None = None
    shadow_percent: int = 0
    compared_since: int = 1
    log: LogInfo | None = None
    """What is kept of its calls; None for nothing."""
    by_outcome: bool = False
    """Its answers are counted and paid by what comes of them."""

    @property
    def compared(self) -> bool:
        """Whether its calls are counted: two models answer them, or would."""
        return self.canary is not None or self.shadow is not None

    def choose(self, request_id: bytes) -> Choice:
        """Pick main or canary by the request's random id (16 bytes)."""
        if self.canary is not None and int.from_bytes(request_id[:4]) % 100 < self.canary_percent:
            return self.canary
        return self.main


class ModelDirectory:
    """The names this process has resolved lately."""

    def __init__(self) -> None:
        self._known: AgedCache[Name, Target] = AgedCache(seconds=MODEL_SECONDS, size=MODELS_KEPT)
        self._bases: AgedCache[str, Target] = AgedCache(seconds=MODEL_SECONDS, size=MODELS_KEPT)
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="resolve")
        # Apart, since they write, and a look-up of a name need not wait for that.
        self._pinning = ThreadPoolExecutor(max_workers=2, thread_name_prefix="pin")
        self._turns, self._pins = Turns(LOOKS), Turns(1)
        self._changes = 0

    async def target(self, organization: OrganizationRef, name: str) -> Target:
        """Resolve a name. Raises ModelNotFound, DeploymentPaused or Unavailable."""
        key = (organization.id, name)
        target = self._known.get(key)
        if target is None:
            async with self._turns.turn(organization.id):
                # Whoever had the turn before may have asked for the same.
                target = self._known.get(key) or await self._look(organization, name)
        if target.paused:
            raise DeploymentPaused(param="model")
        return target

    async def pinned(self, organization: OrganizationRef, name: str, begun: Beginning) -> Target:
        """Return a deployment as it was when the stream began, maybe now.

        Raises what `target` does, ModelNotFound when that model was deleted meanwhile, and for a
        stream that begins what the hold of its first part would be refused with.
        """
        loop = asyncio.get_running_loop()
        look = partial(pinned_target, organization, name, begun)
        async with self._pins.turn(organization.id):
            target = await loop.run_in_executor(self._pinning, _unit, organization, look)
        if target.paused:
            raise DeploymentPaused(param="model")
        return target

    async def _look(self, organization: OrganizationRef, name: str) -> Target:
        loop, changes = asyncio.get_running_loop(), self._changes
        look = partial(_resolve, organization, name)
        target = await loop.run_in_executor(self._threads, _unit, organization, look)
        if changes == self._changes:  # else it may have been read before what was changed
            self._known.put((organization.id, name), target)
        return target

    def vectors(self, name: str) -> Target:
        """Return a base model as a source of vectors. Raises ModelNotFound."""
        target = self._bases.get(name)
        if target is None:
            target = embedding_target(name)
            self._bases.put(name, target)
        return target

    def forget(self, organization_id: str) -> None:
        """Drop what an organization's names meant; `*` drops everything."""
        self._changes += 1
        if organization_id == "*":
            self._known.clear()
        else:
            of = UUID(organization_id)
            self._known.drop_where(lambda key, _: key[0] == of)

    def close(self) -> None:
        """Let the threads go."""
        for threads in (self._threads, self._pinning):
            threads.shutdown(wait=False)


def embedding_target(name: str) -> Target:
    """Return a base model as a source of vectors. Raises ModelNotFound."""
    try:
        card = base_model_get(name)
    except NotFound:
        card = None
    if card is None or not card.usable:
        raise ModelNotFound(
            f"No base model '{name[:80]}' for embeddings: use 'minilm-l6'.", param="model"
        )
    servable = ServableModel(
        version_id=None,
        name=name,
        base=name,
        tier=EMBEDDING_TIER,
        task="embedding",
        labels=(),
        artifact_key="",
        artifact_sha256="",
        max_length=min(card.max_length or EMBEDDING_MAX_LENGTH, EMBEDDING_MAX_LENGTH),
        organization_id=None,
    )
    return Target(name, None, choice_of(servable), None, 0)


def dimensions_check(target: Target, dimensions: int | None, *, param: str) -> None:
    """Refuse vectors of another size than a base has: InvalidRequest."""
    if dimensions is None or dimensions == (size := _vector_size(target.main.servable.base)):
        return
    raise InvalidRequest(
        f"This model's vectors have {size} numbers and were not trained to be cut short:"
        f" leave dimensions out, or send {size}.",
        param=param,
    )


@functools.cache
def _vector_size(base: str) -> int:
    return BertConfig.read(locate_base(base).directory / "config.json").hidden_size


def _unit(organization: OrganizationRef, look: Callable[[], Target]) -> Target:
    try:
        with tenant_scope(organization):
            return look()
    except DatabaseError:
        raise Unavailable(retry_after=1) from None
    finally:
        connection.close()  # gives it back to the pool


def _resolve(organization: OrganizationRef, name: str) -> Target:
    return _target(model_find(organization=organization, name=name))


def pinned_target(organization: OrganizationRef, name: str, begun: Beginning) -> Target:
    """Return a deployment whose calls all go where the stream began.

    Raises ModelNotFound, and QuotaExhausted and its like for one that begins.
    """
    found = model_find(organization=organization, name=name)
    target = _target(found)
    servable = target.choose(begun.random).servable
    now = Pinned(servable.name, found.output, found.rules)
    affordable = partial(
        hold_check,
        organization=organization,
        unit=UNIT,
        amount=begun.items,
        dims=price_dims(servable),
        api_key_id=begun.key_id,
        member_id=begun.member_id,
    )
    pin = stream_pin(organization=organization, digest=begun.digest, wanted=now, begin=affordable)
    if replace(now, model=pin.model) == pin:
        for choice, percent in ((target.main, 0), (target.canary, 100)):
            if choice is not None and choice.servable.name == pin.model:
                return replace(target, canary_percent=percent)
    try:
        servable = model_version_resolve(organization=organization, name=pin.model)
    except NotFound:
        raise ModelNotFound(
            "The model that began this stream was deleted: send the list under a new key.",
            param="Idempotency-Key",
        ) from None
    # Its figures are of no comparison that runs now.
    choice = choice_of(servable, replace(found, output=pin.output, rules=pin.rules))
    return replace(target, main=choice, canary=None, canary_percent=0, shadow=None)


def _target(found: ModelTarget) -> Target:
    return Target(
        name=found.name,
        deployment_id=found.deployment_id,
        main=choice_of(found.main, found),
        canary=choice_of(found.canary, found) if found.canary is not None else None,
        canary_percent=found.canary_percent,
        paused=found.paused,
        shadow=choice_of(found.shadow) if found.shadow is not None else None,
        shadow_percent=found.shadow_percent,
        compared_since=found.compared_since,
        log=found.log if found.log.enabled else None,
        by_outcome=found.by_outcome,
    )


def price_dims(servable: ServableModel) -> dict[str, str]:
    """Return what may choose the price of an online call."""
    return {"task": servable.task, "tier": servable.tier, "channel": "online"}


def choice_of(servable: ServableModel, of: ModelTarget | None = None) -> Choice:
    """Return a model with what its engine has to know."""
    spec = ModelSpec(
        version=str(servable.version_id or servable.name),
        tier=servable.tier,
        artifact_key=servable.artifact_key,
        artifact_sha256=servable.artifact_sha256,
        labels=len(servable.labels),
    )
    return Choice(servable, spec, shape_of(servable, of.output, of.rules) if of else None)
