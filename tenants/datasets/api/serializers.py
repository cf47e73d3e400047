"""What the API reads and writes; the page's types are generated from it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from anneal.kernel.parsing import parse_json_object
from tenants.datasets.contracts import AUTO_TASK, ColumnMapping, Origin, Split, VersionStatus
from tenants.datasets.mapping import mapping_from_request
from tenants.datasets.rowshapes import SHAPES
from tenants.datasets.services.datasets import MAX_NAME
from tenants.datasets.services.files import MAX_FILENAME

_TASK_HELP = f"`auto` tells it from the labels; else one of: {', '.join(sorted(SHAPES))}."
_PURPOSES = ["fine-tune", "batch", "batch_output", "fine-tune-results"]


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "label": {"type": "string"},
            "meta": {
                "type": ["array", "null"],
                "items": {"type": "string"},
                "description": "Further columns to keep with the rows; all when left out.",
            },
        },
        "required": ["text", "label"],
        "description": "Column names as the file has them. In a form: the same as JSON text.",
    }
)
class MappingField(serializers.Field[Any, Any, Any, Any]):
    """``column_mapping``: an object, or its JSON text inside a form."""

    def to_internal_value(self, data: Any) -> ColumnMapping | None:
        """Return the mapping; '' stands for none."""
        if isinstance(data, str):
            data = parse_json_object(data.encode("utf-8")) if data.strip() else None
        return mapping_from_request(data)

    def to_representation(self, value: Any) -> Any:
        """Return it as it is."""
        return value


class FileUpload(serializers.Serializer[Any]):
    """The form of a new file."""

    file = serializers.FileField(allow_empty_file=True, max_length=MAX_FILENAME)
    purpose = serializers.CharField(max_length=40, help_text="`fine-tune` or `batch`.")


class FileOut(serializers.Serializer[Any]):
    """A file, in OpenAI's shape."""

    id = serializers.CharField()
    object = serializers.CharField(help_text="`file`")
    bytes = serializers.IntegerField()
    created_at = serializers.IntegerField(help_text="Unix seconds.")
    expires_at = serializers.IntegerField(allow_null=True)
    filename = serializers.CharField()
    purpose = serializers.ChoiceField(choices=_PURPOSES)
    status = serializers.CharField(help_text="`processed`")
    status_details = serializers.CharField(allow_null=True)
    sha256 = serializers.CharField()


class DeletedOut(serializers.Serializer[Any]):
    """What remains of a deleted object."""

    id = serializers.CharField()
    object = serializers.CharField()
    deleted = serializers.BooleanField()


class ReportLineOut(serializers.Serializer[Any]):
    """One finding. ``row`` counts as a spreadsheet does: the header is row 1."""

    code = serializers.CharField()
    message = serializers.CharField()
    count = serializers.IntegerField()
    row = serializers.IntegerField(required=False)
    column = serializers.CharField(required=False)


class ReportOut(serializers.Serializer[Any]):
    """What was found in the file. ``rows`` and ``labels`` count what is kept."""

    errors = ReportLineOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
    warnings = ReportLineOut(many=True)
    rows = serializers.IntegerField()
    labels = serializers.DictField(child=serializers.IntegerField())
    duplicates = serializers.IntegerField()
    conflicts = serializers.IntegerField()
    empty = serializers.IntegerField()
    too_long = serializers.IntegerField()


class MappingOut(serializers.Serializer[Any]):
    """Which column is the text and which the label, and which further ones are kept."""

    text = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment] # the API's name, not DRF's
    meta = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="Further columns that are kept with the rows. Null: all, while it is being read.",
    )


class SplitsOut(serializers.Serializer[Any]):
    """Rows per part."""

    train = serializers.IntegerField()
    validation = serializers.IntegerField()
    test = serializers.IntegerField()


class VersionOut(serializers.Serializer[Any]):
    """An immutable version. Until it is ready its counts are empty."""

    id = serializers.CharField()
    object = serializers.CharField(help_text="`dataset.version`")
    dataset = serializers.CharField()
    file = serializers.CharField(allow_null=True)
    number = serializers.IntegerField()
    status = serializers.ChoiceField(choices=[status.value for status in VersionStatus])
    format = serializers.CharField(help_text="`csv`, `tsv`, `jsonl`, `json` or `conll`.")
    columns = serializers.ListField(child=serializers.CharField())
    column_mapping = MappingOut(allow_null=True)
    rows = serializers.IntegerField()
    labels = serializers.DictField(child=serializers.IntegerField())
    splits = SplitsOut(allow_null=True)
    seed = serializers.IntegerField()
    content_hash = serializers.CharField(help_text="sha256 over the rows, not over the file.")
    validation_report = ReportOut()
    created_at = serializers.IntegerField(help_text="Unix seconds.")
    finished_at = serializers.IntegerField(allow_null=True)


class DatasetOut(serializers.Serializer[Any]):
    """A dataset with its newest version, whose status, counts and report stand on top too."""

    id = serializers.CharField()
    object = serializers.CharField(help_text="`dataset`")
    name = serializers.CharField()
    task = serializers.ChoiceField(choices=sorted(SHAPES))
    origin = serializers.ChoiceField(choices=[origin.value for origin in Origin])
    created_at = serializers.IntegerField(help_text="Unix seconds.")
    versions = serializers.IntegerField(help_text="How many there are.")
    status = serializers.ChoiceField(choices=[status.value for status in VersionStatus])
    rows = serializers.IntegerField()
    labels = serializers.DictField(child=serializers.IntegerField())
    validation_report = ReportOut()
    latest_version = VersionOut()


class DatasetUpload(serializers.Serializer[Any]):
    """The form of a new dataset."""

    file = serializers.FileField(allow_empty_file=True, max_length=MAX_FILENAME)
    name = serializers.CharField(
        max_length=MAX_NAME, required=False, trim_whitespace=False, help_text="Else the file's."
    )
    task = serializers.CharField(max_length=40, default=AUTO_TASK, help_text=_TASK_HELP)
    column_mapping = MappingField(required=False, default=None)


class VersionUpload(serializers.Serializer[Any]):
    """The form of a next version: a file, or a mapping alone to read the last file again."""

    file = serializers.FileField(allow_empty_file=True, max_length=MAX_FILENAME, required=False)
    column_mapping = MappingField(required=False, default=None)


class PreviewUpload(serializers.Serializer[Any]):
    """The form of a preview."""

    file = serializers.FileField(allow_empty_file=True, max_length=MAX_FILENAME)
    task = serializers.CharField(max_length=40, default=AUTO_TASK, help_text=_TASK_HELP)
    column_mapping = MappingField(required=False, default=None)


class PreviewOut(serializers.Serializer[Any]):
    """A look at a file; nothing was stored. ``complete``: the report has seen every row."""

    object = serializers.CharField(help_text="`dataset.preview`")
    format = serializers.CharField()
    task = serializers.ChoiceField(choices=sorted(SHAPES), help_text="As asked for, or told.")
    columns = serializers.ListField(child=serializers.CharField())
    column_mapping = MappingOut(allow_null=True)
    rows = serializers.ListField(child=serializers.DictField(child=serializers.CharField()))
    complete = serializers.BooleanField()
    validation_report = ReportOut()


class RowOut(serializers.Serializer[Any]):
    """One row. ``id`` is its row number in the uploaded file."""

    id = serializers.IntegerField()
    object = serializers.CharField(help_text="`dataset.row`")
    text = serializers.CharField()
    label = serializers.CharField(  # type: ignore[assignment] # the API's name, not DRF's
        help_text="As it is kept: text, whatever the task."
    )
    target = serializers.JSONField(
        help_text="The label as JSON: a text, a list of texts, a number, or spans as objects."
    )
    meta = serializers.DictField(
        child=serializers.JSONField(allow_null=True),
        help_text="Further columns of the file: texts, numbers, true/false, or null.",
    )
    split = serializers.ChoiceField(choices=[split.value for split in Split])


class RowsQuery(serializers.Serializer[Any]):
    """Which rows to show."""

    version = serializers.CharField(required=False, help_text="`dsv_...`; else the newest ready.")
    split = serializers.ChoiceField(required=False, choices=[split.value for split in Split])
    label = serializers.CharField(  # type: ignore[assignment] # the API's name, not DRF's
        required=False, max_length=256, trim_whitespace=False
    )
    search = serializers.CharField(
        required=False, max_length=200, trim_whitespace=False, help_text="Part of the text."
    )
    after = serializers.IntegerField(
        required=False, min_value=0, max_value=2**62, help_text="The last row's id."
    )
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)


class BinOut(serializers.Serializer[Any]):
    """Texts of ``from`` to below ``to`` characters; the last bin is open."""

    to = serializers.IntegerField(allow_null=True)
    count = serializers.IntegerField()

    def get_fields(self) -> dict[str, Any]:
        """Add ``from``, which Python would not let an attribute be called."""
        return {"from": serializers.IntegerField(), **super().get_fields()}


class CharactersOut(serializers.Serializer[Any]):
    """How long the texts are, in characters."""

    bins = BinOut(many=True)
    mean = serializers.FloatField()
    p50 = serializers.IntegerField()
    p95 = serializers.IntegerField()
    max = serializers.IntegerField()


class NumberBinOut(serializers.Serializer[Any]):
    """Numbers of ``from`` to below ``to``; the last bin holds its end too."""

    to = serializers.FloatField()
    count = serializers.IntegerField()

    def get_fields(self) -> dict[str, Any]:
        """Add ``from``, which Python would not let an attribute be called."""
        return {"from": serializers.FloatField(), **super().get_fields()}


class NumbersOut(serializers.Serializer[Any]):
    """How the numbers of a regression dataset are spread."""

    bins = NumberBinOut(many=True)
    mean = serializers.FloatField()
    deviation = serializers.FloatField()
    min = serializers.FloatField()
    max = serializers.FloatField()


class StatsOut(serializers.Serializer[Any]):
    """Counts of a ready version."""

    object = serializers.CharField(help_text="`dataset.stats`")
    version = serializers.CharField()
    rows = serializers.IntegerField()
    splits = SplitsOut()
    labels = serializers.DictField(child=SplitsOut(), help_text="Rows per label and part.")
    characters = CharactersOut()
    numbers = NumbersOut(required=False, help_text="Of a regression dataset.")
    duplicates = serializers.IntegerField()
    conflicts = serializers.IntegerField()
    empty = serializers.IntegerField()
    too_long = serializers.IntegerField()


class _ListOut(serializers.Serializer[Any]):
    """The frame of a list."""

    object = serializers.CharField(help_text="`list`")
    has_more = serializers.BooleanField()


class FileListOut(_ListOut):
    """Files, newest first."""

    data = FileOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's


class DatasetListOut(_ListOut):
    """Datasets, newest first."""

    data = DatasetOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's


class VersionListOut(_ListOut):
    """Versions, newest first."""

    data = VersionOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's


class RowListOut(_ListOut):
    """Rows in the file's order."""

    data = RowOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
