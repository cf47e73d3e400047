"""What the batches' calls take and give."""

import re
from typing import Any, Final

from rest_framework import serializers

from anneal.kernel.ids import parse_id
from mlworker.batches.contracts import ENDPOINTS, BatchRequest
from mlworker.batches.limits import DEFAULT_WINDOW_HOURS, MOST_WINDOW_HOURS
from mlworker.batches.states import BatchState, Form
from mlworker.jobs.api.serializers import MetadataField
from tenants.datasets.contracts import FILE_PREFIX

_WINDOW: Final = re.compile(r"([1-9][0-9]{0,2})h")


class BatchRequestIn(serializers.Serializer[Any]):
    """The body of create and estimate: OpenAI's, and ``model`` for a file of rows."""

    input_file_id = serializers.CharField(
        max_length=64, help_text="Id of a file uploaded with the purpose `batch`."
    )
    endpoint = serializers.ChoiceField(choices=list(ENDPOINTS))
    completion_window = serializers.CharField(
        max_length=8,
        default=f"{DEFAULT_WINDOW_HOURS}h",
        help_text="Hours until it ends with what is answered by then: `1h` to `336h`.",
    )
    metadata = MetadataField(required=False, allow_null=True)
    model = serializers.CharField(
        max_length=200,
        required=False,
        allow_null=True,
        help_text="Makes it a file of rows (CSV, TSV, JSONL, JSON, Parquet): each is answered by "
        "this model and comes back with the answer in columns of its own.",
    )
    text_column = serializers.CharField(
        max_length=1000,
        required=False,
        allow_null=True,
        trim_whitespace=False,
        help_text="Of a file of rows: the column to read; guessed when absent.",
    )

    def validate_completion_window(self, value: str) -> int:
        """Read hours."""
        found = _WINDOW.fullmatch(value)
        if found is None or int(found[1]) > MOST_WINDOW_HOURS:
            raise serializers.ValidationError(f"Give hours, '1h' to '{MOST_WINDOW_HOURS}h'.")
        return int(found[1])

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A column belongs to a file of rows."""
        if attrs.get("text_column") and not attrs.get("model"):
            raise serializers.ValidationError(
                {"text_column": "Send model too: a file of requests has no columns."}
            )
        return attrs


class BatchErrorOut(serializers.Serializer[Any]):
    """Why a batch failed."""

    code = serializers.CharField()
    message = serializers.CharField()
    param = serializers.CharField(allow_null=True)
    line = serializers.IntegerField(allow_null=True)


class BatchErrorsOut(serializers.Serializer[Any]):
    """OpenAI's list of errors."""

    object = serializers.CharField(default="list")
    data = BatchErrorOut(many=True)  # type: ignore[assignment] # a field, where the class has a property


class BatchCountsOut(serializers.Serializer[Any]):
    """How far it is, in lines or rows."""

    total = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()


class BatchOut(serializers.Serializer[Any]):
    """A batch, in OpenAI's shape and with what is ours."""

    id = serializers.CharField()
    object = serializers.CharField(default="batch")
    endpoint = serializers.CharField()
    errors = BatchErrorsOut(allow_null=True)  # type: ignore[assignment] # as below
    input_file_id = serializers.CharField()
    completion_window = serializers.CharField()
    status = serializers.ChoiceField(choices=[state.value for state in BatchState])
    output_file_id = serializers.CharField(allow_null=True)
    error_file_id = serializers.CharField(allow_null=True)
    created_at = serializers.IntegerField()
    in_progress_at = serializers.IntegerField(allow_null=True)
    expires_at = serializers.IntegerField()
    finalizing_at = serializers.IntegerField(allow_null=True)
    completed_at = serializers.IntegerField(allow_null=True)
    failed_at = serializers.IntegerField(allow_null=True)
    expired_at = serializers.IntegerField(allow_null=True)
    cancelling_at = serializers.IntegerField(allow_null=True)
    cancelled_at = serializers.IntegerField(allow_null=True)
    request_counts = BatchCountsOut()
    metadata = serializers.DictField(child=serializers.CharField())
    model = serializers.CharField(allow_null=True)
    form = serializers.ChoiceField(choices=[form.value for form in Form])
    text_column = serializers.CharField(allow_null=True)
    items = serializers.IntegerField(help_text="Texts to be answered: a request may have many.")
    charged = serializers.IntegerField(help_text="Predictions charged so far.")


class BatchListOut(serializers.Serializer[Any]):
    """A page of batches."""

    object = serializers.CharField(default="list")
    data = BatchOut(many=True)  # type: ignore[assignment] # a field, where the class has a property
    first_id = serializers.CharField(allow_null=True)
    last_id = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()


class BatchEstimateOut(serializers.Serializer[Any]):
    """What a batch would cost."""

    object = serializers.CharField(default="batch.estimate")
    form = serializers.ChoiceField(choices=[form.value for form in Form])
    requests = serializers.IntegerField(help_text="Lines or rows.")
    items = serializers.IntegerField(help_text="Texts to be answered and paid.")
    bad = serializers.IntegerField(help_text="Lines or rows that go to the error file, unpaid.")
    exact = serializers.BooleanField(help_text="False: a long file was judged by its beginning.")
    model = serializers.CharField()
    columns = serializers.ListField(child=serializers.CharField())
    text_column = serializers.CharField(allow_null=True)
    price = serializers.CharField(help_text="Money beyond what grants cover.")
    online_price = serializers.CharField(help_text="What all items cost call by call, by the list.")
    currency = serializers.CharField()
    allowed = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True, help_text="Error code of a refusal.")


def batch_request(data: dict[str, Any]) -> BatchRequest:
    """Turn validated data into the service's request. NotFound for a malformed id."""
    return BatchRequest(
        input_file_id=parse_id(FILE_PREFIX, data["input_file_id"]),
        endpoint=data["endpoint"],
        window_hours=data["completion_window"],
        metadata=data.get("metadata") or {},
        model=data.get("model") or "",
        text_column=data.get("text_column") or "",
    )
