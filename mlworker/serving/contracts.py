"""What other rooms may know about serving."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from anneal.kernel.events import Event
from anneal.kernel.scopes import OrganizationRef
from mlworker.registry.contracts import ServableModel

DEPLOYMENT_PREFIX: Final = "dep_"
PREDICTION_PREFIX: Final = "pred_"

LAST_CALL_KEY: Final = "serve:last"
"""Redis key that lives 5 s after each online call; trainers leave a core free while it exists."""

MODELS_CHANGED_CHANNEL: Final = "models:changed"
"""Redis channel; the payload is an organization id, or `*` when a shipped model changed."""

ModelKind = Literal["deployment", "fine_tuned", "shipped"]
RuleTime = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class CanaryInfo:
    """A second model that gets `percent` of the calls."""

    model: str
    percent: int


@dataclass(frozen=True, slots=True)
class ShadowInfo:
    """A second model that runs on `percent` of the calls, is compared and answers nobody."""

    model: str
    percent: int


@dataclass(frozen=True, slots=True)
class OutputInfo:
    """What a deployment makes of its models' answers."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """A label's name to the one that is shown."""
    threshold: float | None = None
    abstain_label: str | None = None
    """Shown where no label reaches the threshold."""
    top_k: int | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    """An answer's field to the name it gets."""

    @property
    def changes(self) -> bool:
        """Whether anything is made of them."""
        return self != OutputInfo()


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """A pattern, and the label of the texts that match it."""

    name: str
    pattern: str
    label: str
    when: RuleTime = "before"
    if_label: str | None = None
    """Of a rule after the model: applies where the model said this."""


REDACTABLE: Final = ("email", "phone", "card", "number")
"""Kinds of things that a prediction log hides."""


@dataclass(frozen=True, slots=True)
class LogInfo:
    """What is kept of a deployment's answered calls, and for how long."""

    enabled: bool = False
    percent: int = 100
    """Share of the calls."""
    days: int = 30
    texts: bool = True
    """Off: the answers alone are kept."""
    redact: tuple[str, ...] = REDACTABLE
    words: tuple[str, ...] = ()
    """Words of the organization's own that are hidden, too."""


@dataclass(frozen=True, slots=True)
class DeploymentInfo:
    """A stable name and where it points."""

    id: UUID
    name: str
    model: str
    canary: CanaryInfo | None
    revision: int
    created_at: datetime
    updated_at: datetime
    paused_at: datetime | None = None
    shadow: ShadowInfo | None = None
    compared_since: int = 1
    output: OutputInfo = OutputInfo()
    rules: tuple[RuleInfo, ...] = ()
    log: LogInfo = LogInfo()
    log_from: UUID | None = None
    """The least id of its log that is shown, where older rows were forgotten."""


@dataclass(frozen=True, slots=True)
class RevisionInfo:
    """One entry of a deployment's history."""

    number: int
    model: str
    canary: CanaryInfo | None
    action: str
    reason: str
    actor: str
    created_at: datetime
    shadow: ShadowInfo | None = None


@dataclass(frozen=True, slots=True)
class ModelTarget:
    """What a `model` in a request stands for.

    `canary` takes the share `canary_percent` of the calls; the split is by the request's id.
    """

    name: str
    kind: ModelKind
    main: ServableModel
    deployment_id: UUID | None = None
    canary: ServableModel | None = None
    canary_percent: int = 0
    paused: bool = False
    shadow: ServableModel | None = None
    shadow_percent: int = 0
    compared_since: int = 1
    output: OutputInfo = OutputInfo()
    rules: tuple[RuleInfo, ...] = ()
    log: LogInfo = LogInfo()
    by_outcome: bool = False
    """Whether its predictions are paid by an outcome contract."""


@dataclass(frozen=True, slots=True)
class DeploymentDeleted(Event):
    """A deployment's name was freed; what belongs to it alone goes, too."""

    organization: OrganizationRef
    deployment_id: UUID


@dataclass(frozen=True, slots=True)
class DeploymentPointed(Event):
    """A deployment points at another model: promoted, or rolled back to an earlier one."""

    organization: OrganizationRef
    deployment_id: UUID
    name: str
    model: str
    revision: int
    rolled_back: bool
