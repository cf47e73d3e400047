"""Moving stages."""

import re
from typing import Final

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import InvalidRequest
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.registry.errors import StageNotFound
from mlworker.registry.models import ModelStage, ModelVersion
from mlworker.registry.selectors import VERSION_PREFIX

STAGE_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,31}$"


def stage_move(
    *, organization: OrganizationRef, actor: Actor, version: ModelVersion, stage: str
) -> str | None:
    """Let the stage of the version's suffix stand for this version; return whom it left, by name.

    One statement moves it: at no moment does it stand for two versions or for none.
    """
    require_scope(organization)
    if not re.match(STAGE_PATTERN, stage):
        raise InvalidRequest(
            "A stage has 1 to 32 small letters, digits, '-' and '_', and begins with a letter or "
            "a digit.",
            param="stage",
        )
    before = (
        ModelStage.objects.select_for_update()
        .filter(suffix=version.suffix, name=stage)
        .values_list("version__name", flat=True)
        .first()
    )
    ModelStage.objects.bulk_create(
        [
            ModelStage(
                organization_id=organization.id,
                suffix=version.suffix,
                name=stage,
                version_id=version.id,
                moved_at=clock.now(),
            )
        ],
        update_conflicts=True,
        unique_fields=["organization_id", "suffix", "name"],
        update_fields=["version_id", "moved_at"],
    )
    audit_record(
        actor=actor,
        action="model_stage.move",
        target=public_id(VERSION_PREFIX, version.id),
        detail={"stage": stage, "suffix": version.suffix, "from": before, "to": version.name},
    )
    return before


def stage_remove(
    *, organization: OrganizationRef, actor: Actor, version: ModelVersion, stage: str
) -> None:
    """Take the stage from this version; StageNotFound when it stands for another or none."""
    require_scope(organization)
    removed, _ = ModelStage.objects.filter(
        suffix=version.suffix, name=stage, version_id=version.id
    ).delete()
    if not removed:
        raise StageNotFound
    audit_record(
        actor=actor,
        action="model_stage.remove",
        target=public_id(VERSION_PREFIX, version.id),
        detail={"stage": stage, "suffix": version.suffix, "model": version.name},
    )
