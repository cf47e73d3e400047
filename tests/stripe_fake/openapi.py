"""Stripe's own description of its API: loaded when first asked, absent where the data is.

It is of 2023-08-16. `newer.py` holds, in the same form, the little that we use and it lacks.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from tests.stripe_fake.newer import ADDED, ANSWERS, CALLS, WORDS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("ANNEAL_DATA") or ROOT.parent / "shared" / "data") / "stripe-openapi"
DESCRIPTION = FOLDER / "spec3.2023-08-16.yaml"
FIXTURES = FOLDER / "fixtures3.latest.json"
ABSENT = f"Stripe's description is absent: {DESCRIPTION} (set ANNEAL_DATA)"

Schema = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """One call as Stripe describes it."""

    parameters: Schema
    """An object schema of the body, or of the query."""
    answer: Schema


def present() -> bool:
    """Tell whether the description is there."""
    return DESCRIPTION.is_file()


@cache
def operation(method: str, template: str) -> Operation | None:
    """The call with a path such as `/v1/customers/{customer}`; None where nobody describes it."""
    if (method, template) in CALLS:
        return Operation(CALLS[method, template], ANSWERS[method, template])
    described = _described(method, template)
    added = ADDED.get((method, template))
    if described is None or added is None:
        return described
    properties = described.parameters.get("properties", {}) | added["properties"]
    return replace(described, parameters={**described.parameters, "properties": properties})


def _described(method: str, template: str) -> Operation | None:
    found = _description().get("paths", {}).get(_spelled(template), {}).get(method.lower())
    if found is None:
        return None
    if method == "POST":
        content = found["requestBody"]["content"]
        parameters = content["application/x-www-form-urlencoded"]["schema"]
    else:
        asked = [each for each in found["parameters"] if each["in"] == "query"]
        parameters = {
            "type": "object",
            "properties": {each["name"]: each["schema"] for each in asked},
            "required": [each["name"] for each in asked if each.get("required")],
        }
    answer = found["responses"]["200"]["content"]["application/json"]["schema"]
    return Operation(parameters, answer)


@cache
def _description() -> Schema:
    if not present():
        return {}
    # CSafeLoader: the loader written in Python takes a minute for this file.
    loaded: Schema = yaml.load(DESCRIPTION.read_bytes(), Loader=yaml.CSafeLoader)
    for (name, field), words in WORDS.items():
        loaded["components"]["schemas"][name]["properties"][field]["enum"] += words
    return loaded


@cache
def _spellings() -> dict[str, str]:
    return {_shape(path): path for path in _description().get("paths", {})}


def _spelled(template: str) -> str:
    """The same path with the names that the description gives its parts."""
    return _spellings().get(_shape(template), template)


def _shape(template: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", template)


def known_path(method: str, path: str) -> bool:
    """Tell whether Stripe has a call at this path."""
    paths = _description().get("paths", {})
    return any(
        method.lower() in calls and re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", template), path)
        for template, calls in paths.items()
    )


def faults_of_answer(method: str, template: str, answer: Any) -> list[str]:
    """Say what in an answer is not as Stripe describes it."""
    validator = _answer_validator(method, template)
    return _faults(validator, answer) if validator else []


def faults_of_object(thing: Schema) -> list[str]:
    """Say what in an object is not as Stripe describes objects of its name."""
    validator = _object_validator(thing["object"])
    return _faults(validator, thing) if validator else []


def _faults(validator: Draft202012Validator, value: Any) -> list[str]:
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in validator.iter_errors(value)
    ]


@cache
def _answer_validator(method: str, template: str) -> Draft202012Validator | None:
    described = operation(method, template)
    return _validator(described.answer) if described else None


@cache
def _object_validator(name: str) -> Draft202012Validator | None:
    known = name in _description().get("components", {}).get("schemas", {})
    return _validator({"$ref": f"#/components/schemas/{name}"}) if known else None


def _validator(schema: Schema) -> Draft202012Validator:
    return Draft202012Validator({"allOf": [_nullable(schema)], **_components()})


@cache
def _components() -> Schema:
    schemas = _description().get("components", {}).get("schemas", {})
    return {"components": {"schemas": {name: _nullable(each) for name, each in schemas.items()}}}


def _nullable(schema: Any) -> Any:
    """OpenAPI 3.0 says `nullable`, JSON Schema says `null`; unchecked enumerations are left out."""
    if isinstance(schema, list):
        return [_nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = dict(_kept(schema))
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def _kept(schema: Schema) -> Iterator[tuple[str, Any]]:
    open_ended = schema.get("x-stripeBypassValidation") is True
    for key, value in schema.items():
        described = key in {"nullable", "description"} and not isinstance(value, dict)
        if not described and not (key == "enum" and open_ended):
            yield key, _nullable(value)
