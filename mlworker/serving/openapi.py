"""The gateway's paths in the OpenAPI file. By hand, since no Django view stands behind them.

A test sends real requests and checks real answers against what is written here.
"""

from typing import Any, Final

from mlworker.serving.openapi_streams import STREAM, STREAM_END, STREAMED

JsonObject = dict[str, Any]

_TEXTS: Final[JsonObject] = {
    "description": "One text, or a list of up to 1,000. The body may be 1 MB.",
    "anyOf": [
        {"type": "string", "minLength": 1},
        {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "minItems": 1,
            "maxItems": 1000,
        },
    ],
}
_MODEL: Final[JsonObject] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 200,
    "description": "A deployment's name, an own model `ft:...`, or a shipped one (`sentiment-en`).",
}
_TOP_K: Final[JsonObject] = {
    "type": ["integer", "null"],
    "minimum": 1,
    "maximum": 10000,
    "description": "Give only the so many best scores.",
}


def _object(properties: JsonObject, required: list[str], **more: Any) -> JsonObject:
    return {"type": "object", "properties": properties, "required": required, **more}


def _integer(description: str = "") -> JsonObject:
    return {"type": "integer", **({"description": description} if description else {})}


def _reference(schema: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{schema}"}


_ANSWERED: Final[JsonObject] = {
    "index": _integer("Of the text in `input`."),
    "id": {"type": "string", "description": "`pred_...`: name it in `POST /v1/feedback`."},
}
_RULE: Final[JsonObject] = {
    "type": "string",
    "description": "The deployment's rule that decided this answer; absent where the model did.",
}
_USAGE: Final[JsonObject] = _object(
    {
        "predictions": _integer("Texts answered. How many were charged, `x-units` says."),
        "tokens": _integer("After truncation."),
        "truncated": _integer("Texts that were longer than the model reads."),
    },
    ["predictions", "tokens", "truncated"],
)
_SHAPES: Final = ("Prediction", "LabelsPrediction", "EntitiesPrediction", "NumberPrediction")
"""Answers by task: one label, labels, spans, a number."""

SCHEMAS: Final[dict[str, JsonObject]] = {
    "ClassifyRequest": _object(
        {
            "model": _MODEL,
            "input": _TEXTS,
            "top_k": _TOP_K,
            "threshold": {
                "type": ["number", "null"],
                "minimum": 0,
                "maximum": 1,
                "description": (
                    "`label` is null, and free, for texts whose best score is below. With several "
                    "labels a text, or entities: the least score of those that are given."
                ),
            },
            "stream": STREAM,
        },
        ["model", "input"],
        additionalProperties=False,
    ),
    "Prediction": _object(
        {
            **_ANSWERED,
            "label": {"type": ["string", "null"]},
            "score": {"type": "number"},
            "scores": {"type": "object", "additionalProperties": {"type": "number"}},
            "rule": _RULE,
        },
        ["index", "id", "label", "score", "scores"],
    ),
    "LabelsPrediction": _object(
        {
            **_ANSWERED,
            "labels": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Those from `threshold` on (0.5 unless given), best first.",
            },
            "scores": {"type": "object", "additionalProperties": {"type": "number"}},
            "rule": _RULE,
        },
        ["index", "id", "labels", "scores"],
    ),
    "Entity": _object(
        {
            "label": {"type": "string"},
            "start": _integer("First character, counted in Unicode code points from 0."),
            "end": _integer("The character after the last."),
            "text": {"type": "string"},
            "score": {"type": "number"},
        },
        ["label", "start", "end", "text", "score"],
    ),
    "EntitiesPrediction": _object(
        {
            **_ANSWERED,
            "entities": {"type": "array", "items": {"$ref": "#/components/schemas/Entity"}},
        },
        ["index", "id", "entities"],
    ),
    "NumberPrediction": _object(
        {**_ANSWERED, "value": {"type": "number"}}, ["index", "id", "value"]
    ),
    "PredictResponse": _object(
        {
            "object": {"type": "string", "const": "list"},
            "model": {"type": "string"},
            "data": {
                "type": "array",
                "description": (
                    "One answer a text, in the shape of the model's task. A deployment may name "
                    "its labels and fields otherwise."
                ),
                "items": {"anyOf": [_reference(name) for name in _SHAPES]},
            },
            "usage": _USAGE,
        },
        ["object", "model", "data", "usage"],
    ),
    "ClassifyResponse": _object(
        {
            "object": {"type": "string", "const": "list"},
            "model": {"type": "string"},
            "data": {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}},
            "usage": _USAGE,
        },
        ["object", "model", "data", "usage"],
    ),
    "EmbeddingsRequest": _object(
        {
            "model": {**_MODEL, "description": "A base model of the catalogue (`minilm-l6`)."},
            "input": _TEXTS,
            "encoding_format": {"type": "string", "enum": ["float", "base64"], "default": "float"},
            "dimensions": {
                "type": ["integer", "null"],
                "minimum": 1,
                "description": "The model's own number alone: no base here can be cut short.",
            },
            "stream": STREAM,
        },
        ["model", "input"],
    ),
    "EmbeddingsResponse": _object(
        {
            "object": {"type": "string", "const": "list"},
            "model": {"type": "string"},
            "data": {
                "type": "array",
                "items": _object(
                    {
                        "object": {"type": "string", "const": "embedding"},
                        "index": _integer(),
                        "embedding": {
                            "anyOf": [
                                {"type": "array", "items": {"type": "number"}},
                                {"type": "string"},
                            ]
                        },
                    },
                    ["object", "index", "embedding"],
                ),
            },
            "usage": _object(
                {"prompt_tokens": _integer(), "total_tokens": _integer()},
                ["prompt_tokens", "total_tokens"],
            ),
        },
        ["object", "model", "data", "usage"],
    ),
    "StreamEnd": STREAM_END,
    "PipelineRequest": _object(
        {
            "inputs": _TEXTS,
            "parameters": {
                "anyOf": [
                    {"type": "null"},
                    _object(
                        {
                            "top_k": _TOP_K,
                            "function_to_apply": {
                                "type": ["string", "null"],
                                "enum": ["softmax", "sigmoid", "none", None],
                            },
                        },
                        [],
                    ),
                ]
            },
        },
        ["inputs"],
    ),
    "PipelineLabel": _object(
        {"label": {"type": "string"}, "score": {"type": "number"}, "rule": _RULE},
        ["label", "score"],
    ),
    "PipelineEntity": _object(
        {
            "entity_group": {"type": "string"},
            "score": {"type": "number"},
            "word": {"type": "string"},
            "start": _integer(),
            "end": _integer(),
        },
        ["entity_group", "score", "word", "start", "end"],
    ),
    "PipelineResponse": {
        "anyOf": [
            {"type": "array", "items": {"type": "array", "items": _reference("PipelineLabel")}},
            {"type": "array", "items": {"type": "array", "items": _reference("PipelineEntity")}},
            {"type": "array", "items": _reference("PipelineEntity")},
        ]
    },
    "PipelineError": _object(
        {"error": {"type": "string"}, "code": {"type": "string"}}, ["error", "code"]
    ),
    "GatewayError": _object(
        {
            "error": _object(
                {
                    "message": {"type": "string"},
                    "type": {"type": "string"},
                    "param": {"type": ["string", "null"]},
                    "code": {"type": "string"},
                },
                ["message", "type", "param", "code"],
            )
        },
        ["error"],
    ),
}

_HEADERS: Final[JsonObject] = {
    "x-request-id": {
        "schema": {"type": "string"},
        "description": "The call's own `x-request-id` where it sent one of up to 128 plain"
        " characters, else a new one. Refusals carry it too.",
    },
    "x-units": {"schema": {"type": "integer"}, "description": "Predictions charged."},
    "x-queue-ms": {"schema": {"type": "number"}, "description": "Milliseconds in the queue."},
    "x-inference-ms": {"schema": {"type": "number"}, "description": "Milliseconds in the model."},
    "idempotent-replayed": {
        "schema": {"type": "string", "const": "true"},
        "description": "There where the stored answer of an earlier call was given.",
    },
}
_REFUSALS: Final = {
    "400": "The body is wrong; `param` names the field.",
    "401": "No valid API key.",
    "402": "The balance or a budget is used up; the message says which.",
    "403": "The key may not predict, or the organization is suspended or its account parked.",
    "404": "No such model.",
    "409": "The deployment is paused, or the Idempotency-Key is in use or came with another body.",
    "413": "Over 1 MB or 1,000 texts.",
    "429": "Too many calls for the plan, the key or the workers; see Retry-After.",
    "503": "No engine, no database or no answer in time; nothing was charged. See Retry-After.",
}
_IDEMPOTENCY: Final[JsonObject] = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": 255},
    "description": "A repeated call with the same key and body gets the first answer, uncharged.",
}
_PATH_MODEL: Final[JsonObject] = {
    "name": "model",
    "in": "path",
    "required": True,
    "schema": _MODEL,
}


def _operation(
    operation_id: str,
    summary: str,
    shapes: str,
    *,
    refusals: tuple[str, ...],
    parameters: list[JsonObject] | None = None,
    error: str = "GatewayError",
    answer: str | None = None,
    open_to_all: bool = False,
    streams: bool = False,
) -> JsonObject:
    content = _json(answer or f"{shapes}Response")
    if streams:
        content["content"] |= {kind: {"schema": _reference("StreamEnd")} for kind in STREAMED}
    answers: JsonObject = {"200": {"description": "The answer.", "headers": _HEADERS, **content}}
    for status in refusals:
        answers[status] = {"description": _REFUSALS[status], **_json(error)}
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": ["predictions"],
        "parameters": parameters or [],
        "requestBody": {"required": True, **_json(f"{shapes}Request")},
        "responses": answers,
        "security": [] if open_to_all else [{"apiKey": []}],
    }


def _json(schema: str) -> JsonObject:
    return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


_PAID: Final = ("400", "401", "402", "403", "404", "409", "413", "429", "503")

PATHS: Final[dict[str, JsonObject]] = {
    "/v1/classify": {
        "post": _operation(
            "classify",
            "Ask a model about texts; the shape of its answers is its task's",
            "Classify",
            answer="PredictResponse",
            refusals=_PAID,
            parameters=[_IDEMPOTENCY],
            streams=True,
        )
    },
    "/v1/embeddings": {
        "post": _operation(
            "embeddings",
            "Turn texts into vectors",
            "Embeddings",
            refusals=_PAID,
            parameters=[_IDEMPOTENCY],
            streams=True,
        )
    },
    "/v1/trial/classify": {
        "post": _operation(
            "trial_classify",
            "Classify up to 20 texts with a shipped model, without an account",
            "Classify",
            refusals=("400", "404", "413", "429", "503"),
            open_to_all=True,
        )
    },
    "/hf/models/{model}": {
        "post": _operation(
            "pipeline",
            "Classify texts in the shape of Hugging Face's inference clients",
            "Pipeline",
            refusals=_PAID,
            parameters=[_PATH_MODEL, _IDEMPOTENCY],
            error="PipelineError",
        )
    },
}


def add_gateway_paths(
    result: JsonObject,
    generator: Any,  # drf-spectacular's signature
    request: Any,  # drf-spectacular's signature
    public: bool,  # drf-spectacular's signature
) -> JsonObject:
    """Add the online paths to the generated file (a drf-spectacular postprocessing hook)."""
    result.setdefault("paths", {}).update(PATHS)
    result.setdefault("components", {}).setdefault("schemas", {}).update(SCHEMAS)
    return result
