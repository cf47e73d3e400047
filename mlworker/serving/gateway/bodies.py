"""The shapes of the online requests, and what of them is refused."""

import re
from typing import Annotated, Any, Final, TypeVar

import msgspec

from anneal.kernel.errors import InvalidRequest
from mlworker.serving.errors import InvalidJson, TextInvalid, TooManyItems

_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")

MAX_ITEMS: Final = 1_000
TRIAL_ITEMS: Final = 20
TRIAL_CHARACTERS: Final = 5_000

ModelName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
TopK = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Threshold = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class ClassifyBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /v1/classify`."""

    model: ModelName
    input: str | list[str]
    top_k: TopK | None = None
    threshold: Threshold | None = None
    stream: bool = False


class EmbeddingsBody(msgspec.Struct):
    """`POST /v1/embeddings`, OpenAI's shape; `user` and other fields of theirs are not needed."""

    model: ModelName
    input: str | list[str | int | list[int]]
    encoding_format: str = "float"
    dimensions: Annotated[int, msgspec.Meta(ge=1)] | None = None
    stream: bool = False

    def texts(self) -> str | list[str]:
        """Return what is to be embedded. Raises InvalidRequest for lists of tokens."""
        if isinstance(self.input, str):
            return self.input
        texts = [item for item in self.input if isinstance(item, str)]
        if len(texts) < len(self.input):
            raise InvalidRequest(
                "Tokens are numbers of another model's vocabulary: send texts (in LangChain,"
                " check_embedding_ctx_length=False).",
                param="input",
            )
        return texts


class HuggingFaceParameters(msgspec.Struct):
    """What `transformers` pipelines take beside the texts."""

    top_k: TopK | None = None
    function_to_apply: str | None = None


class HuggingFaceBody(msgspec.Struct):
    """`POST /hf/models/{model}`, as Hugging Face's inference clients send it."""

    inputs: str | list[str]
    parameters: HuggingFaceParameters | None = None
    options: dict[str, Any] | None = None


Body = TypeVar("Body", ClassifyBody, EmbeddingsBody, HuggingFaceBody)

_decoders: Final[dict[type, msgspec.json.Decoder[Any]]] = {
    shape: msgspec.json.Decoder(shape) for shape in (ClassifyBody, EmbeddingsBody, HuggingFaceBody)
}


def body_decode(shape: type[Body], raw: bytes) -> Body:
    """Read ``raw`` as ``shape``. Raises InvalidJson, or InvalidRequest that names the field."""
    try:
        body: Body = _decoders[shape].decode(raw)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        raise InvalidRequest(text + ".", param=path.strip("`.") or None) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if _SURROGATE.search(raw):
            raise TextInvalid("A text holds half of a surrogate pair: remove it.") from None
        raise InvalidJson(f"The body is not valid JSON in UTF-8: {error}.") from None
    return body


def texts_of(given: str | list[str], *, param: str, max_items: int = MAX_ITEMS) -> list[str]:
    """Return the texts as a list. Raises TooManyItems, TextInvalid, InvalidRequest (empty)."""
    texts = [given] if isinstance(given, str) else given
    if not texts:
        raise InvalidRequest("Give at least one text.", param=param)
    if len(texts) > max_items:
        raise TooManyItems(f"One call takes at most {max_items:,} items.", param=param)
    for index, text in enumerate(texts):
        if "\x00" in text:
            where = param if isinstance(given, str) else f"{param}[{index}]"
            raise TextInvalid("A text holds a NUL character: remove it.", param=where)
        if not text or text.isspace():
            where = param if isinstance(given, str) else f"{param}[{index}]"
            raise InvalidRequest("A text is empty.", param=where)
    return texts
