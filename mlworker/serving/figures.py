"""What serving counts, in gateways and in engines. No label names a customer or a model of one."""

from typing import Final

from anneal.kernel.metrics import Counter, Gauge, Histogram, Merge

# Gateways. `route` is classify, embeddings, pipeline, trial; classify_stream and embeddings_stream.

REQUESTS: Final = Counter(
    "anneal_requests_total",
    "Online calls by the status that was answered; 499 where the client left first.",
    ("route", "status"),
)
REFUSALS: Final = Counter(
    "anneal_refusals_total", "Online calls refused, by error code.", ("route", "code")
)
STAGES: Final = Histogram(
    "anneal_request_stage_seconds",
    "Time of answered calls: parse (key, body, model, tokens), hold, queue, inference, settle,"
    " and total.",
    ("route", "stage"),
)
TEXTS: Final = Counter("anneal_texts_total", "Texts answered.", ("route",))
UNITS: Final = Counter("anneal_units_total", "Predictions charged in calls.", ("route",))
IN_FLIGHT: Final = Gauge("anneal_calls_in_flight", "Online calls that wait or run.")
SHADOWS: Final = Counter(
    "anneal_shadow_calls_total",
    "Calls offered to a shadow: compared, failed, or skipped where there was no time for it.",
    ("outcome",),
)

# Engines.

ENGINE_ROWS: Final = Counter(
    "anneal_engine_rows_total", "Rows run, by what they were run for.", ("base", "work")
)
ENGINE_TOKENS: Final = Counter("anneal_engine_tokens_total", "Tokens of the rows run.", ("base",))
ENGINE_PADDING: Final = Counter(
    "anneal_engine_padding_tokens_total",
    "Cells of attention's rectangles that hold no token.",
    ("base",),
)
ENGINE_BUSY: Final = Counter(
    "anneal_engine_busy_seconds_total", "Time in the model.", ("base",), seconds=True
)
BATCH_ROWS: Final = Histogram(
    "anneal_engine_batch_rows",
    "Rows of a batch.",
    ("base",),
    bounds=(1, 2, 4, 8, 16, 32, 48, 64),
)
BATCH_FILL: Final = Histogram(
    "anneal_engine_batch_fill",
    "Tokens of a batch as a share of the most it may hold.",
    ("base",),
    bounds=(0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0),
)
DROPPED: Final = Counter(
    "anneal_engine_dropped_rows_total",
    "Rows that were not answered: late, given_up, failed, not_loaded, no_room.",
    ("base", "reason"),
)
BACKLOG: Final = Gauge(
    "anneal_engine_backlog_rows", "Rows that engines took and did not run yet.", ("base",)
)
BACKLOG_AGE: Final = Gauge(
    "anneal_engine_backlog_seconds",
    "Age of the oldest row of a backlog.",
    ("base",),
    merge=Merge.MAX,
)
ADAPTERS: Final = Counter(
    "anneal_adapter_requests_total",
    "Works that found their weights loaded (hit) or not (miss).",
    ("base", "result"),
)
ADAPTER_LOADS: Final = Histogram(
    "anneal_adapter_load_seconds", "Time from asking for weights to having them.", ("base",)
)
ADAPTER_FAILURES: Final = Counter(
    "anneal_adapter_failures_total",
    "Weights that could not be loaded: not_loaded, no_room.",
    ("base", "cause"),
)
ADAPTER_EVICTIONS: Final = Counter(
    "anneal_adapter_evictions_total", "Models that made way for others.", ("base",)
)
ADAPTER_SLOTS: Final = Gauge(
    "anneal_adapter_slots", "Slots for models, in use or free.", ("base", "state")
)
