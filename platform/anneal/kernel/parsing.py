"""Reading requests: parsers that answer 4xx to everything a hostile body can hold."""

import json
from collections.abc import Iterable, Mapping
from typing import IO, Any, Final, NoReturn

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import DataAndFiles, JSONParser, MultiPartParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from anneal.kernel.errors import InvalidRequest, PayloadTooLarge
from anneal.kernel.json_checks import has_lone_surrogate, has_nul, too_deep

MAX_BODY: Final = 1024 * 1024
_TOO_DEEP: Final = "The body is nested too deeply."


def _no_constant(text: str) -> NoReturn:
    raise InvalidRequest(f"{text} is not JSON.")


class StrictJSONParser(JSONParser):
    """Bounded, UTF-8, without NaN, lone surrogates, NUL or bottomless nesting."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the body as an object."""
        raw = stream.read(MAX_BODY + 1)
        if len(raw) > MAX_BODY:
            raise PayloadTooLarge(f"The body is over {MAX_BODY:,} bytes.")
        return parse_json_object(raw)


class StrictMultiPartParser(MultiPartParser):
    """Forms with files, always in UTF-8: a ``charset`` of the caller's choice can be any codec."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> "DataAndFiles[Any, Any]":
        """Return the fields and the files."""
        context = {**(parser_context or {}), "encoding": "utf-8"}
        return super().parse(stream, media_type, context)


def parse_json_object(raw: bytes) -> dict[str, Any]:
    """Read a JSON object. InvalidRequest says what is wrong with any other bytes."""
    try:
        value = json.loads(raw.decode("utf-8-sig"), parse_constant=_no_constant)
    except UnicodeError as error:
        raise InvalidRequest("The body is not valid UTF-8 text.") from error
    except RecursionError as error:
        raise InvalidRequest(_TOO_DEEP) from error
    except ValueError as error:
        raise InvalidRequest(f"The body is not JSON: {str(error)[:200]}.") from error
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.")
    if too_deep(value, raw):
        raise InvalidRequest(_TOO_DEEP)
    if b"\\" in raw:
        # Escapes can smuggle what UTF-8 cannot hold and Postgres cannot store.
        if has_lone_surrogate(value):
            raise InvalidRequest("The body is not valid UTF-8 text: an escape is half a character.")
        if has_nul(value):
            raise InvalidRequest("The body holds a NUL character: remove it.")
    return value


class AnyAccept(DefaultContentNegotiation):
    """Answers JSON whatever the Accept header says: clients send odd ones and read JSON anyway."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """Return the first renderer."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type
