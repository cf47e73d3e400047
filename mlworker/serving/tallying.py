"""The figures of a comparison: what gateways have counted, added up and read."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.serving.models import DeploymentTally, Side

CHANGES_KEPT: Final = 50
"""Kinds of change that are counted one by one; of what comes later only the share is known."""
COMPARISONS_SHOWN: Final = 5
_LEAST_MS: Final = 0.5
_STEPS: Final = 36

Change = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class TallyKey:
    """Whose figures: one side of one comparison of one deployment."""

    deployment_id: UUID
    since: int
    side: Side
    model: str


@dataclass(slots=True)
class Tally:
    """Figures to be added."""

    calls: int = 0
    items: int = 0
    failed: int = 0
    skipped: int = 0
    inference_ms: float = 0.0
    latency: Counter[int] = field(default_factory=Counter)
    compared: int = 0
    judged: int = 0
    agreed: int = 0
    difference: float = 0.0
    difference_absolute: float = 0.0
    changes: Counter[Change] = field(default_factory=Counter)

    def answered(self, items: int, milliseconds: float) -> None:
        """Count a call that was answered."""
        self.calls += 1
        self.items += items
        self.inference_ms += milliseconds
        self.latency[step_of(milliseconds)] += 1

    def changed(self, before: str | None, after: str | None) -> None:
        """Count a change, as far as there is room for its kind."""
        if len(self.changes) < CHANGES_KEPT or (before, after) in self.changes:
            self.changes[before, after] += 1

    def add(self, other: "Tally") -> None:
        """Take another's figures in."""
        for name in ("calls", "items", "failed", "skipped", "compared", "judged", "agreed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.inference_ms += other.inference_ms
        self.difference += other.difference
        self.difference_absolute += other.difference_absolute
        self.latency.update(other.latency)
        for change, count in other.changes.items():
            if len(self.changes) < CHANGES_KEPT or change in self.changes:
                self.changes[change] += count


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the models of a deployment have done since a revision."""

    since: int
    sides: dict[str, tuple[str, Tally]]
    """By side: the model and its figures."""


def step_of(milliseconds: float) -> int:
    """Return the step of a duration: each is 1.41 times the one before, from half a millisecond."""
    if milliseconds <= _LEAST_MS:
        return 0
    return min(_STEPS, round(2 * math.log2(milliseconds / _LEAST_MS)))


def quantile(latency: Counter[int], share: float) -> float | None:
    """Return the duration that ``share`` of the calls did not exceed, within a fifth."""
    calls, reached = sum(latency.values()), 0
    for step in sorted(latency):
        reached += latency[step]
        if reached >= share * calls:
            return float(_LEAST_MS * 2 ** (step / 2))
    return None


def tallies_add(*, organization: OrganizationRef, tallies: dict[TallyKey, Tally]) -> None:
    """Add what a gateway has counted of an organization's deployments."""
    require_scope(organization)
    # In one order, so that two gateways never wait for each other crosswise.
    for key in sorted(tallies, key=lambda each: (each.deployment_id, each.since, each.side)):
        of = {"deployment_id": key.deployment_id, "since": key.since, "side": key.side}
        DeploymentTally.objects.bulk_create(
            [DeploymentTally(organization_id=organization.id, model=key.model, **of)],
            ignore_conflicts=True,
        )
        row = DeploymentTally.objects.select_for_update().get(**of)
        tally = _tally(row)
        tally.add(tallies[key])
        _write(row, tally)


def comparisons(*, organization: OrganizationRef, deployment_id: UUID) -> list[Comparison]:
    """Return the last comparisons of a deployment, newest first."""
    require_scope(organization)
    rows = DeploymentTally.objects.filter(deployment_id=deployment_id).order_by("-since", "side")
    found: dict[int, Comparison] = {}
    for row in rows[: COMPARISONS_SHOWN * len(Side)]:
        found.setdefault(row.since, Comparison(row.since, {})).sides[row.side] = (
            row.model,
            _tally(row),
        )
    return list(found.values())[:COMPARISONS_SHOWN]


def _tally(row: DeploymentTally) -> Tally:
    return Tally(
        calls=row.calls,
        items=row.items,
        failed=row.failed,
        skipped=row.skipped,
        inference_ms=row.inference_ms,
        latency=Counter({int(step): count for step, count in row.latency.items()}),
        compared=row.compared,
        judged=row.judged,
        agreed=row.agreed,
        difference=row.difference,
        difference_absolute=row.difference_absolute,
        changes=Counter({(before, after): count for before, after, count in row.changes}),
    )


def _write(row: DeploymentTally, tally: Tally) -> None:
    row.calls, row.items, row.failed = tally.calls, tally.items, tally.failed
    row.skipped, row.inference_ms = tally.skipped, tally.inference_ms
    row.latency = {str(step): count for step, count in tally.latency.items()}
    row.compared, row.judged, row.agreed = tally.compared, tally.judged, tally.agreed
    row.difference, row.difference_absolute = tally.difference, tally.difference_absolute
    row.changes = [[*change, count] for change, count in tally.changes.most_common()]
    row.save()
