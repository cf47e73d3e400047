"""OpenAI's batch files: a request a line, ``{"custom_id", "method", "url", "body"}``."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, BinaryIO, Final

import msgspec

from anneal.kernel.errors import DomainError, InvalidRequest
from mlworker.batches.contracts import CLASSIFY
from mlworker.batches.errors import RowInvalid
from mlworker.batches.reading.entries import Entry, Options, raw_lines
from mlworker.serving.errors import InvalidJson
from mlworker.serving.gateway.bodies import ClassifyBody, EmbeddingsBody, body_decode, texts_of
from mlworker.serving.gateway.models import dimensions_check, embedding_target

_BOM: Final = b"\xef\xbb\xbf"


class _Line(msgspec.Struct):
    custom_id: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    method: str
    url: str
    body: msgspec.Raw


_decoder: Final = msgspec.json.Decoder(_Line)


class RequestSource:
    """An open file of requests to one endpoint. A bad line is an entry with a problem."""

    kind = "jsonl"
    rows: int | None = None
    columns: tuple[str, ...] = ()
    text_column = ""

    def __init__(self, source: BinaryIO, endpoint: str) -> None:
        self._source, self._endpoint = source, endpoint

    def entries(self, *, skip: int = 0, texts_only: bool = False) -> Iterator[Entry]:
        """Yield every request after the first ``skip``."""
        for number, raw in islice(raw_lines(self._source), skip, None):
            entry = Entry(number)
            try:
                if raw is None:
                    raise RowInvalid("The line has more than 8 MB: split the request.")
                self._read(entry, raw.removeprefix(_BOM) if number == 1 else raw)
            except DomainError as error:
                entry.problem = error
            yield entry

    def _read(self, entry: Entry, raw: bytes) -> None:
        line = _line(raw)
        entry.key = line.custom_id
        if line.method.upper() != "POST":
            raise InvalidRequest("Only POST is known.", param="method")
        if line.url != self._endpoint:
            raise InvalidRequest(
                f"The batch's endpoint is {self._endpoint}: use that as url.", param="url"
            )
        if self._endpoint == CLASSIFY:
            body = body_decode(ClassifyBody, bytes(line.body))
            entry.model, given = body.model, body.input
            entry.options = Options(body.top_k, body.threshold)
        else:
            wanted = body_decode(EmbeddingsBody, bytes(line.body))
            entry.model, given = wanted.model, wanted.texts()
            if wanted.encoding_format not in ("float", "base64"):
                raise InvalidRequest("Use 'float' or 'base64'.", param="body.encoding_format")
            if wanted.dimensions is not None:
                dimensions_check(
                    embedding_target(wanted.model), wanted.dimensions, param="body.dimensions"
                )
            entry.options = Options(encoding=wanted.encoding_format)
        entry.texts = texts_of(given, param="body.input")


def _line(raw: bytes) -> _Line:
    try:
        return _decoder.decode(raw)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        raise RowInvalid(
            f'{text}: a line is {{"custom_id", "method", "url", "body"}}.',
            param=path.strip("`.") or None,
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJson(f"The line is not valid JSON in UTF-8: {error}.") from None
