"""Why a file, a mapping or a dataset is refused. Each code has a line in docs/errors.md."""

from typing import ClassVar

from anneal.kernel.errors import Conflict, InvalidRequest, NotFound
from tenants.datasets.contracts import ReportLine


class UploadRefused(InvalidRequest):
    """The file cannot be read. ``row`` counts as a spreadsheet does (the header is row 1)."""

    code = "file_refused"
    message = "The file cannot be read."

    def __init__(
        self,
        message: str | None = None,
        *,
        row: int | None = None,
        column: str | None = None,
        param: str | None = "file",
    ) -> None:
        text = message or self.message
        place = ", ".join(
            part for part in (row and f"row {row}", column and f"column '{column}'") if part
        )
        super().__init__(f"{text} ({place})" if place else text, param=param)
        self.plain, self.row, self.column = text, row, column

    def as_line(self) -> ReportLine:
        """Return the refusal as a line of a validation report."""
        return ReportLine(self.code, self.plain, row=self.row, column=self.column)


class FileTooLarge(UploadRefused):
    """More bytes than one file may have."""

    code: ClassVar[str] = "file_too_large"
    status: ClassVar[int] = 413
    message = "The file is too large: split it into several."


class FileEmpty(UploadRefused):
    """No rows at all."""

    code = "file_empty"
    message = "The file has no rows: send a header line and at least one row under it."


class UnsupportedFormat(UploadRefused):
    """A spreadsheet, an archive, an image."""

    code = "unsupported_format"
    message = "Send CSV, TSV, JSONL, a JSON array of objects, or words with BIO tags (CoNLL)."


class UnsupportedEncoding(UploadRefused):
    """Text, but not UTF-8."""

    code = "unsupported_encoding"
    message = "The file is not UTF-8: save it as 'CSV UTF-8' and send it again."


class NulCharacter(UploadRefused):
    """U+0000, which no text needs and databases refuse."""

    code = "nul_character"
    message = "The file contains a NUL character (U+0000): remove it."


class LoneSurrogate(UploadRefused):
    """Half of a surrogate pair in a JSON escape."""

    code = "lone_surrogate"
    message = "A \\u escape is half of a surrogate pair and no character: remove or complete it."


class CsvMalformed(UploadRefused):
    """Quotes that do not match."""

    code = "csv_malformed"
    message = (
        "The quotes do not match: close every quoted cell, and write a quote inside one twice."
    )


class CsvRowWidth(UploadRefused):
    """More cells than the header names."""

    code = "csv_row_width"
    message = "The row has more cells than the header: put quotes around texts with separators."


class JsonMalformed(UploadRefused):
    """Not JSON."""

    code = "json_malformed"
    message = "This is not valid JSON."


class JsonTooDeep(UploadRefused):
    """Nested beyond any use."""

    code = "json_too_deep"
    message = "The JSON is nested too deeply: a row is one flat object."


class JsonNotObjects(UploadRefused):
    """JSON, but rows that are not objects."""

    code = "json_not_objects"
    message = 'Each row has to be a JSON object such as {"text": "...", "label": "..."}.'


class MessagesMalformed(UploadRefused):
    """A chat row without a user's text and an assistant's answer."""

    code = "messages_malformed"
    message = "'messages' needs a user message with the text, then an assistant message: the label."


class ConllMalformed(UploadRefused):
    """A line that is no word with its tag."""

    code = "conll_malformed"
    message = (
        "Each line has a word and its tag (O, B-person, I-person) with a tab or space between;"
        " an empty line ends a sentence."
    )


class TagsMalformed(UploadRefused):
    """Words and tags of a JSON row that do not belong together."""

    code = "tags_malformed"
    message = (
        "'tokens' needs as many 'tags', each a name such as O, B-person or I-person (numbers have"
        " lost their names)."
    )


class CellNotText(UploadRefused):
    """A list or an object where text or a label belongs."""

    code = "cell_not_text"
    message = "The cell holds a list or an object: it has to be text, a number or true/false."


class OneHotCellInvalid(UploadRefused):
    """Neither 0 nor 1 in a column that says whether a row has a label."""

    code = "one_hot_cell_invalid"
    message = (
        "The cell is neither 0 nor 1, as all cells of a column that is read as a label have to be: "
        "correct it, or name another label column in column_mapping."
    )


class CellTooLarge(UploadRefused):
    """One cell over the limit."""

    code = "cell_too_large"
    message = "The cell is too long: shorten the text, or split it into several rows."


class RecordTooLarge(UploadRefused):
    """One line or object over the limit: usually a missing line break or quote."""

    code = "record_too_large"
    message = "One row is too long to be read: is a line break or a closing quote missing?"


class TooManyRows(UploadRefused):
    """More rows than one version may have."""

    code = "too_many_rows"
    message = "The file has too many rows: split it into several datasets."


class TooManyColumns(UploadRefused):
    """More columns than a file may have."""

    code = "too_many_columns"
    message = "The file has too many columns: keep the text and the label."


class ColumnNotFound(UploadRefused):
    """The mapping names a column the file does not have."""

    code = "column_not_found"


class ColumnMappingRequired(UploadRefused):
    """Text and label could not be told apart."""

    code = "column_mapping_required"


class ColumnMappingInvalid(UploadRefused):
    """The mapping itself makes no sense."""

    code = "column_mapping_invalid"
    message = (
        'column_mapping names two different columns: {"text": "...", "label": "..."}; "meta" may'
        " list the further columns to keep."
    )


class TaskUnsupported(InvalidRequest):
    """A task whose rows this installation cannot read."""

    code = "task_unsupported"


class FilePurposeInvalid(InvalidRequest):
    """A purpose nobody may upload for."""

    code = "file_purpose_invalid"
    message = "purpose is 'fine-tune' or 'batch'."


class DatasetInvalid(InvalidRequest):
    """The rows cannot be trained on; the message is the report's first error."""

    code = "dataset_invalid"


class DatasetNotReady(Conflict):
    """The version is still being read."""

    code = "dataset_not_ready"
    message = "The dataset is still being read: try again when its status is 'ready'."


class SourceFileDeleted(Conflict):
    """The uploaded file is gone, so it cannot be read with another mapping."""

    code = "source_file_deleted"
    message = "The uploaded file was deleted: upload it again as a new version."


class DatasetNotFound(NotFound):
    """No such dataset, version or file here."""

    message = "No such dataset, version or file."


class RowsSealed(Conflict):
    """The rows are sealed: what a success fee is decided on is nobody's to see or to learn."""

    code = "rows_sealed"
    message = (
        "These rows are sealed by an outcome contract: use rows of other parts, or end the contract"
        " first (POST /v1/billing/outcome_contracts/{id}/end)."
    )
