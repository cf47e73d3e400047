"""Settings of the HTTP border: REST framework, the OpenAPI file, the content security policy."""

from csp.constants import NONCE, NONE, SELF

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "anneal.kernel.parsing.StrictJSONParser",
        "anneal.kernel.parsing.StrictMultiPartParser",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "anneal.kernel.parsing.AnyAccept",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "anneal.kernel.api.handling.handle",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Anneal",
    "DESCRIPTION": "Upload data, fine-tune a model, deploy it, call it, pay for what you use.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATIONS": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "VersionStatusEnum": ["processing", "ready", "failed"],
        "JobStatusEnum": [
            "validating_files",
            "queued",
            "running",
            "paused",
            "succeeded",
            "failed",
            "cancelled",
        ],
        "CheckoutPurposeEnum": ["top_up", "plan", "payment_method", "invoice"],
        "ExportFormatEnum": ["huggingface", "adapter", "onnx", "onnx_int8", "container"],
        "InvoiceKindEnum": ["subscription", "outcome", "top_up", "manual"],
        "InvoiceLineKindEnum": [
            "fee",
            "usage",
            "minimum",
            "outcome",
            "top_up",
            "manual",
            "discount",
        ],
        "InvoiceStatusEnum": ["open", "paid", "uncollectible"],
        "LanguageEnum": ["en", "zh-Hans"],
        "LimitWindowEnum": ["day", "month", "total"],
        "OutcomeKindEnum": ["success_fee", "confirmed_prediction"],
        "OutcomeStateEnum": ["pending", "confirmed", "assumed", "reversed", "disputed"],
        "VerdictEnum": ["better", "not_separable", "worse"],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "mlworker.serving.openapi.add_gateway_paths",
        "mlworker.jobs.openapi.add_stream_path",
        "mlworker.batches.openapi.add_stream_path",
    ],
    "APPEND_COMPONENTS": {
        "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer"}},
    },
    "SECURITY": [{"apiKey": []}],
}

# Everything comes from this origin; inline style needs the page's nonce.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# Vite's hashes are not hexadecimal, so WhiteNoise's own test would not know its files.
WHITENOISE_IMMUTABLE_FILE_TEST = r"^.+[.-][0-9A-Za-z_-]{8,12}\..+$"
