"""Reading requests: a JSON parser that answers 4xx to everything a hostile body can hold."""

import json
from collections.abc import Iterable, Mapping
from typing import IO, Any, Final, NoReturn

from django.conf import settings
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from anneal.kernel.errors import InvalidRequest, PayloadTooLarge

MAX_BODY: Final = 1024 * 1024


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
        limit = getattr(settings, "ANNEAL_MAX_JSON_BODY", MAX_BODY)
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise PayloadTooLarge(f"The body is over {limit:,} bytes.")
        return parse_json_object(raw)


def parse_json_object(raw: bytes) -> dict[str, Any]:
    """Read a JSON object. InvalidRequest says what is wrong with any other bytes."""
    try:
        value = json.loads(raw.decode("utf-8-sig"), parse_constant=_no_constant)
        if b"\\" in raw:
            # Escapes can smuggle what UTF-8 cannot hold and Postgres cannot store.
            json.dumps(value, ensure_ascii=False).encode()
            if b"\\u0000" in raw:
                raise InvalidRequest("The body holds a NUL character: remove it.")
    except UnicodeError as error:
        raise InvalidRequest("The body is not valid UTF-8 text.") from error
    except RecursionError as error:
        raise InvalidRequest("The body is nested too deeply.") from error
    except ValueError as error:
        raise InvalidRequest(f"The body is not JSON: {str(error)[:200]}.") from error
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.")
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
