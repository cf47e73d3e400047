"""What a deployment makes of a model's answers: names, a threshold, fields, and rules.

All of it is looked up once per model and deployment; a call whose deployment changes nothing meets
none of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mlworker.engine.data.spans import labels_of, tags_of
from mlworker.engine.tasks import TASKS
from mlworker.registry.contracts import ServableModel
from mlworker.serving.contracts import OutputInfo, RuleInfo
from mlworker.serving.patterns import Pattern, pattern_read, words_of

ONE_LABEL: Final = "text_classification"
ANSWERS: Final[Mapping[str, tuple[str, ...]]] = {
    ONE_LABEL: ("label", "score", "scores", "rule"),
    "multi_label_classification": ("labels", "scores", "rule"),
    "token_classification": ("entities",),
    "regression": ("value",),
}
"""The fields of an answer that can get another name, by task."""
RULED: Final = frozenset({ONE_LABEL, "multi_label_classification"})
"""Tasks whose answer a rule can give."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule ready to be applied."""

    name: str
    pattern: Pattern
    label: str
    if_label: str | None


@dataclass(frozen=True, slots=True)
class Decisions:
    """What the rules say of a call's texts, by their place in it."""

    before: Mapping[int, Rule] = field(default_factory=dict)
    """Texts that no model is asked about."""
    after: Mapping[int, Sequence[Rule]] = field(default_factory=dict)
    """Rules that may overrule the model's answer."""

    def asked(self, texts: list[str]) -> list[str]:
        """Return the texts that are the model's."""
        if not self.before:
            return texts
        return [text for index, text in enumerate(texts) if index not in self.before]


NOTHING_DECIDED: Final = Decisions()


@dataclass(frozen=True, slots=True)
class Shape:
    """What is made of the answers of one model."""

    task: str
    labels: tuple[str, ...]
    """The model's labels as they are shown."""
    threshold: float | None = None
    abstain_label: str | None = None
    top_k: int | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    before: tuple[Rule, ...] = ()
    after: tuple[Rule, ...] = ()

    @property
    def ruled(self) -> bool:
        """Whether the texts have to be looked at."""
        return bool(self.before or self.after)

    def decide(self, texts: Sequence[str]) -> Decisions:
        """Apply the rules to the texts; the first that matches counts."""
        before: dict[int, Rule] = {}
        after: dict[int, Sequence[Rule]] = {}
        for index, text in enumerate(texts):
            words = words_of(text)
            first = next((rule for rule in self.before if rule.pattern.found(words)), None)
            if first is not None:
                before[index] = first
            elif later := [rule for rule in self.after if rule.pattern.found(words)]:
                after[index] = later
        return Decisions(before, after)

    def finished(self, found: Mapping[str, Any], rules: Sequence[Rule]) -> dict[str, Any]:
        """Return a model's answer with the abstain label, or what the rules make of it."""
        shown = dict(found)
        if self.abstain_label is not None and shown.get("label", "") is None:
            shown["label"] = self.abstain_label
        said = shown["labels"] if "labels" in shown else [shown.get("label")]
        for rule in rules:
            if rule.if_label is None or rule.if_label in said:
                return {**shown, **self._told(rule), "scores": shown["scores"]}
        return shown

    def decided(self, rule: Rule) -> dict[str, Any]:
        """Return the answer of a rule that asks no model."""
        return {**self._told(rule), "scores": {rule.label: 1.0}, "rule": rule.name}

    def _told(self, rule: Rule) -> dict[str, Any]:
        if self.task == ONE_LABEL:
            return {"label": rule.label, "score": 1.0, "rule": rule.name}
        return {"labels": [rule.label], "rule": rule.name}

    def named(self, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an answer with its fields named as wanted."""
        if not self.fields:
            return found
        return {self.fields.get(name, name): value for name, value in found.items()}


def shape_of(
    servable: ServableModel, output: OutputInfo, rules: Sequence[RuleInfo]
) -> Shape | None:
    """Return what is made of a model's answers, as far as its task allows; None for nothing."""
    task = TASKS.get(servable.task)
    if task is None or not (output.changes or rules):
        return None
    ruled = rules if servable.task in RULED else ()
    return Shape(
        task=servable.task,
        labels=labels_shown(servable, output.labels),
        threshold=output.threshold if "threshold" in task.options else None,
        abstain_label=output.abstain_label if servable.task == ONE_LABEL else None,
        top_k=output.top_k if "top_k" in task.options else None,
        fields={
            name: output.fields[name]
            for name in ANSWERS.get(servable.task, ())
            if name in output.fields
        },
        before=tuple(filter(None, (_rule(each) for each in ruled if each.when == "before"))),
        after=tuple(filter(None, (_rule(each) for each in ruled if each.when == "after"))),
    )


def label_names(servable: ServableModel) -> tuple[str, ...]:
    """Return a model's labels as people know them."""
    if servable.task == "token_classification":
        return labels_of(servable.labels)
    return () if servable.task == "regression" else servable.labels


def names_shown(servable: ServableModel, names: Mapping[str, str]) -> tuple[str, ...]:
    """Return a model's labels under the given names; its own where two would be the same."""
    mine = label_names(servable)
    shown = tuple(names.get(label, label) for label in mine)
    return shown if len(set(shown)) == len(shown) else mine


def labels_shown(servable: ServableModel, names: Mapping[str, str]) -> tuple[str, ...]:
    """Return the same as the names of the head's outputs."""
    shown = names_shown(servable, names)
    if not shown:
        return servable.labels
    return tags_of(shown) if servable.task == "token_classification" else shown


def _rule(info: RuleInfo) -> Rule | None:
    pattern = pattern_read(info.pattern)
    if pattern is None:
        return None
    return Rule(info.name, pattern, info.label, info.if_label)
