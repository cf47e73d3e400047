"""Changing what a deployment makes of its models' answers, and what it keeps. All audited."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.engine.tasks import task_named
from mlworker.registry.contracts import ServableModel
from mlworker.serving.contracts import (
    DEPLOYMENT_PREFIX,
    DeploymentInfo,
    LogInfo,
    OutputInfo,
    RuleInfo,
)
from mlworker.serving.errors import OutputUnfit, RulesUnfit
from mlworker.serving.models import Deployment
from mlworker.serving.patterns import pattern_read
from mlworker.serving.recording import callable_model, gateways_tell
from mlworker.serving.selectors import deployment_info, deployment_row
from mlworker.serving.shaping import ANSWERS, ONE_LABEL, RULED, label_names, names_shown

_ALWAYS: Final = ("index", "id")


def deployment_output_set(
    *, organization: OrganizationRef, actor: Actor, deployment_id: UUID, output: OutputInfo
) -> DeploymentInfo:
    """Set what is made of the answers, all of it at once. OutputUnfit names the field at fault."""
    require_scope(organization)
    row = deployment_row(deployment_id, lock=True)
    main = callable_model(organization, row.model, "model")
    _labels_fit(main, output.labels)
    _options_fit(main, output)
    _fields_fit(main, output.fields)
    followed = _rules_follow(row, main, output)
    before, row.output = row.output, _said(output)
    changed: dict[str, Any] = {"before": before, "after": row.output}
    if followed:
        changed["rules"] = followed
    return _save(organization, actor, row, "output", changed)


def deployment_rules_set(
    *,
    organization: OrganizationRef,
    actor: Actor,
    deployment_id: UUID,
    rules: Sequence[RuleInfo],
) -> DeploymentInfo:
    """Set the rules, all of them at once, in the order in which they are tried. RulesUnfit."""
    require_scope(organization)
    row = deployment_row(deployment_id, lock=True)
    main = callable_model(organization, row.model, "model")
    if rules and main.task not in RULED:
        raise RulesUnfit(f"Rules give labels: answers of the task {main.task} are none.")
    names: set[str] = set()
    said = _said_by_any(organization, row, main)
    for number, rule in enumerate(rules):
        if pattern_read(rule.pattern) is None:
            raise RulesUnfit("The pattern names no word.", param=f"rules[{number}].pattern")
        if rule.name in names:
            raise RulesUnfit("Another rule has this name.", param=f"rules[{number}].name")
        if rule.if_label is not None and rule.when == "before":
            raise RulesUnfit(
                "A rule before the model knows no label of it: leave if_label out, or apply it"
                " after.",
                param=f"rules[{number}].if_label",
            )
        if rule.if_label is not None and rule.if_label not in said:
            raise RulesUnfit(
                f"No answer is '{rule.if_label[:80]}', so the rule would never apply; there are:"
                f" {', '.join(list(said)[:20])}.",
                param=f"rules[{number}].if_label",
            )
        names.add(rule.name)
    before, row.rules = row.rules, [asdict(rule) for rule in rules]
    changed = {
        "added": [rule for rule in row.rules if rule not in before],
        "removed": [rule for rule in before if rule not in row.rules],
        "order": [rule["name"] for rule in row.rules],
    }
    return _save(organization, actor, row, "rules", changed)


def deployment_log_set(
    *, organization: OrganizationRef, actor: Actor, deployment_id: UUID, log: LogInfo
) -> DeploymentInfo:
    """Set what is kept of the answered calls, all of it at once."""
    require_scope(organization)
    row = deployment_row(deployment_id, lock=True)
    before, row.log = row.log, asdict(log)
    return _save(organization, actor, row, "log", {"before": before, "after": row.log})


def deployment_log_empty(
    *, organization: OrganizationRef, deployment_id: UUID, first: UUID
) -> None:
    """Show no kept prediction before ``first`` any more. Whoever deletes them writes the audit."""
    require_scope(organization)
    row = deployment_row(deployment_id, lock=True)
    # Never back, whatever a clock says: what was forgotten stays so.
    row.log_from = max(first, row.log_from or first)
    row.save(update_fields=["log_from"])


def _save(
    organization: OrganizationRef, actor: Actor, row: Deployment, what: str, changed: dict[str, Any]
) -> DeploymentInfo:
    row.save()
    audit_record(
        actor=actor,
        action=f"deployment.{what}",
        target=public_id(DEPLOYMENT_PREFIX, row.id),
        detail={"name": row.name, "revision": row.revision, **changed},
    )
    gateways_tell(organization)
    return deployment_info(row)


def _said(output: OutputInfo) -> dict[str, Any]:
    return {name: value for name, value in asdict(output).items() if value not in (None, {})}


def _answers(main: ServableModel, output: OutputInfo) -> tuple[str | None, ...]:
    """Return the labels of answers as they are shown, in the model's order behind the abstain's."""
    return output.abstain_label, *names_shown(main, output.labels)


def _said_by_any(
    organization: OrganizationRef, row: Deployment, main: ServableModel
) -> dict[str, None]:
    """Return, in their order, the labels that answers of the model or its canary can have."""
    models = [main]
    if row.canary_model:
        models.append(callable_model(organization, row.canary_model, "canary"))
    output = OutputInfo(**row.output)
    said = [label for model in models for label in _answers(model, output)]
    return dict.fromkeys(label for label in said if label is not None)


def _rules_follow(row: Deployment, main: ServableModel, output: OutputInfo) -> list[str]:
    """Let rules ask for their labels by the new names; return the names of those that changed.

    OutputUnfit where the answer that a rule asks for would be given no more.
    """
    before, after = _answers(main, OutputInfo(**row.output)), _answers(main, output)
    renamed = dict(zip(before, after, strict=True))
    followed = []
    for rule in row.rules:
        label = rule["if_label"]
        if label is None or label not in renamed or renamed[label] == label:
            continue
        if renamed[label] is None:
            raise OutputUnfit(
                f"The rule '{rule['name']}' applies where the answer is '{label}', which none would"
                " be any more: change the rule first.",
                param="abstain_label",
            )
        rule["if_label"] = renamed[label]
        followed.append(rule["name"])
    return followed


def _labels_fit(main: ServableModel, names: Mapping[str, str]) -> None:
    mine = label_names(main)
    for label in names:
        if label not in mine:
            known = ", ".join(mine[:20]) or "none"
            raise OutputUnfit(
                f"The model has no label '{label[:80]}'; it has: {known}.", param="labels"
            )
    shown = [names.get(label, label) for label in mine]
    for name in names.values():
        if shown.count(name) > 1:
            raise OutputUnfit(f"Two labels would be called '{name[:80]}'.", param="labels")


def _options_fit(main: ServableModel, output: OutputInfo) -> None:
    options = task_named(main.task).options
    given = {"threshold": output.threshold, "top_k": output.top_k}
    for name in [name for name, value in given.items() if value is not None]:
        if name not in options:
            raise OutputUnfit(f"{name} does nothing for the task {main.task}.", param=name)
    if output.abstain_label is not None and main.task != ONE_LABEL:
        raise OutputUnfit(
            f"Answers of the task {main.task} never lack a label.", param="abstain_label"
        )


def _fields_fit(main: ServableModel, fields: Mapping[str, str]) -> None:
    known = ANSWERS.get(main.task, ())
    for name in fields:
        if name not in known:
            raise OutputUnfit(
                f"An answer has no field '{name[:80]}' to be renamed; it has: {', '.join(known)}.",
                param="fields",
            )
    shown = [*_ALWAYS, *(fields.get(name, name) for name in known)]
    for name in fields.values():
        if shown.count(name) > 1:
            raise OutputUnfit(f"Two fields would be called '{name}'.", param="fields")
