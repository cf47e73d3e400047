"""Form bodies and queries with nested brackets, and typed reading of them."""

import re
from typing import Any
from urllib.parse import parse_qsl

from tests.stripe_fake.errors import InvalidParameter, NotServed

_PART = re.compile(r"\[([^\[\]]*)\]")


def decoded(text: str) -> dict[str, Any]:
    """Turn `a[b][0]=c` into `{"a": {"b": ["c"]}}`; `a[]=b` adds to a list."""
    tree: dict[str, Any] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        head, _, tail = key.partition("[")
        parts = [head, *_PART.findall("[" + tail)] if tail else [head]
        _put(tree, parts, value)
    return {key: _listed(value) for key, value in tree.items()}


def _put(tree: dict[str, Any], parts: list[str], value: str) -> None:
    for part in parts[:-1]:
        inner = tree.setdefault(part or str(len(tree)), {})
        if not isinstance(inner, dict):
            raise InvalidParameter(f"Invalid object: {parts[0]}", param=parts[0])
        tree = inner
    tree[parts[-1] or str(len(tree))] = value


def _listed(value: Any) -> Any:
    """A mapping whose keys are 0, 1, 2 ... was a list; a key of metadata may be a number, too."""
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(each) for key, each in value.items()}
    places = [str(place) for place in range(len(inner))]
    return [inner[place] for place in places] if inner and inner.keys() == set(places) else inner


class Params:
    """The parameters of a call, read by the type that is wanted."""

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self.values = values
        self._path = path

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def name(self, name: str) -> str:
        """The parameter as Stripe names it in an error."""
        return f"{self._path}[{name}]" if self._path else name

    def text(self, name: str) -> str | None:
        """A string; an empty one unsets, as nothing does."""
        value = self.values.get(name)
        if isinstance(value, dict | list):
            raise InvalidParameter(f"Invalid string: {value}", param=self.name(name))
        return value or None

    def need(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if value is None:
            raise missing_param(self.name(name))
        return value

    def url(self, name: str) -> str | None:
        """An address with its scheme; words in braces are filled in later."""
        value = self.text(name)
        if value is not None and not re.fullmatch(r"https?://[^\s/]+\S*", value):
            raise InvalidParameter("Not a valid URL", code="url_invalid", param=self.name(name))
        return value

    def integer(self, name: str) -> int | None:
        """A whole number."""
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?\d+", value):
            raise InvalidParameter(
                f"Invalid integer: {value}",
                code="parameter_invalid_integer",
                param=self.name(name),
            )
        return int(value)

    def need_integer(self, name: str) -> int:
        """A whole number that must be there."""
        value = self.integer(name)
        if value is None:
            raise missing_param(self.name(name))
        return value

    def boolean(self, name: str) -> bool | None:
        """`true` or `false`."""
        value = self.text(name)
        if value not in {None, "true", "false"}:
            raise InvalidParameter(f"Invalid boolean: {value}", param=self.name(name))
        return None if value is None else value == "true"

    def choice(self, name: str, *allowed: str) -> str | None:
        """One of a few words."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise invalid_choice(self.name(name), list(allowed))
        return value

    def texts(self, name: str) -> list[str] | None:
        """A list of strings."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, list):
            raise InvalidParameter("Invalid array", param=self.name(name))
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """A mapping whose keys are the caller's own; an absent one is empty."""
        value = self.values.get(name) or {}
        if not isinstance(value, dict):
            raise InvalidParameter("Invalid object", param=self.name(name))
        return value

    def inside(self, name: str, knows: str) -> "Params":
        """A nested mapping, of which the fake serves the parameters in `knows`."""
        return self._nested(self.mapping(name), self.name(name), knows)

    def each(self, name: str, knows: str) -> "list[Params]":
        """A list of mappings, of which the fake serves the parameters in `knows`."""
        value = self.values.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise InvalidParameter("Invalid array", param=self.name(name))
        return [
            self._nested(item, f"{self.name(name)}[{place}]", knows)
            for place, item in enumerate(value)
        ]

    def _nested(self, values: dict[str, Any], path: str, knows: str) -> "Params":
        for name in values.keys() - set(knows.split()):
            raise NotServed(f"The fake does not serve {path}[{name}]: add it, with what it does.")
        return Params(values, path)

    def metadata(self, present: dict[str, str] | None = None) -> dict[str, str]:
        """What `metadata` is afterwards: keys are merged, an empty value removes its key."""
        if self.values.get("metadata") == "":
            return {}
        merged = (present or {}) | self.mapping("metadata")
        return {key: value for key, value in merged.items() if value != ""}


def missing_param(name: str) -> InvalidParameter:
    """The refusal of a call without a required parameter."""
    return InvalidParameter(
        f"Missing required param: {name}.", code="parameter_missing", param=name
    )


def invalid_choice(name: str, allowed: list[str]) -> InvalidParameter:
    """The refusal of a word that is not on the list."""
    *first, last = allowed
    listed = f"{', '.join(first)}, or {last}" if first else last
    return InvalidParameter(f"Invalid {name}: must be one of {listed}", param=name)
