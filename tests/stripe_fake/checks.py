"""Checks the parameters of a call against Stripe's description, and refuses as Stripe does."""

import re
from typing import Any

from tests.stripe_fake.errors import InvalidParameter
from tests.stripe_fake.forms import invalid_choice, missing_param
from tests.stripe_fake.openapi import Operation, Schema

METADATA_KEYS = 50
METADATA_KEY_LENGTH = 40
METADATA_VALUE_LENGTH = 500


def check(described: Operation, values: dict[str, Any]) -> None:
    """Raise for the first parameter that is unknown, missing or of the wrong form."""
    _object(described.parameters, values, "")
    if isinstance(metadata := values.get("metadata"), dict):
        _metadata(metadata)


def _value(schema: Schema, value: Any, path: str) -> None:
    if "anyOf" in schema:
        _any(schema["anyOf"], value, path)
    elif schema.get("type") == "object":
        _object(schema, value, path)
    elif schema.get("type") == "array":
        _array(schema, value, path)
    else:
        _scalar(schema, value, path)


def _any(schemas: list[Schema], value: Any, path: str) -> None:
    """The refusal told is that of the alternative which has the value's own form."""
    refusals = []
    for schema in schemas:
        try:
            return _value(schema, value, path)
        except InvalidParameter as refusal:
            refusals.append((_of_form(schema, value), refusal))
    raise max(refusals, key=lambda each: each[0])[1]


def _of_form(schema: Schema, value: Any) -> bool:
    forms: dict[type, str] = {dict: "object", list: "array"}
    return bool(schema.get("type") == forms.get(type(value), "string"))


def _object(schema: Schema, value: Any, path: str) -> None:
    if not isinstance(value, dict):
        raise InvalidParameter("Invalid object", param=path)
    known = schema.get("properties", {})
    others = schema.get("additionalProperties") or None
    for name, inner in value.items():
        inside = f"{path}[{name}]" if path else name
        wanted = known.get(name, others)
        if wanted is None:
            raise InvalidParameter(
                f"Received unknown parameter: {inside}", code="parameter_unknown", param=inside
            )
        _value(wanted, inner, inside)
    for name in schema.get("required", []):
        if name not in value:
            raise missing_param(f"{path}[{name}]" if path else name)


def _array(schema: Schema, value: Any, path: str) -> None:
    if not isinstance(value, list):
        raise InvalidParameter("Invalid array", param=path)
    for place, item in enumerate(value):
        _value(schema["items"], item, f"{path}[{place}]")


def _scalar(schema: Schema, value: Any, path: str) -> None:
    kind = schema.get("type")
    if not isinstance(value, str):
        raise InvalidParameter(f"Invalid {kind or 'string'}", param=path)
    if "enum" in schema and value not in schema["enum"]:
        raise invalid_choice(path, schema["enum"])
    if kind == "integer" and not re.fullmatch(r"-?\d+", value):
        raise InvalidParameter(
            f"Invalid integer: {value}", code="parameter_invalid_integer", param=path
        )
    if kind == "boolean" and value not in {"true", "false"}:
        raise InvalidParameter(f"Invalid boolean: {value}", param=path)
    if kind == "number" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        raise InvalidParameter(f"Invalid decimal: {value}", param=path)
    if len(value) > schema.get("maxLength", len(value)):
        raise InvalidParameter(
            f"Invalid string: must be at most {schema['maxLength']} characters", param=path
        )


def _metadata(metadata: dict[str, Any]) -> None:
    if len(metadata) > METADATA_KEYS:
        raise InvalidParameter(
            f"You have exceeded the limit of {METADATA_KEYS} metadata keys.", param="metadata"
        )
    for key, value in metadata.items():
        if len(key) > METADATA_KEY_LENGTH or len(value) > METADATA_VALUE_LENGTH:
            raise InvalidParameter(
                f"Metadata keys have at most {METADATA_KEY_LENGTH} characters, "
                f"values {METADATA_VALUE_LENGTH}.",
                param=f"metadata[{key}]",
            )
