"""Answers that are files."""

from typing import Any, ClassVar

from django.http import HttpResponse


class Download(HttpResponse):
    """A file of finished bytes: nothing in it is evaluated after the scope has closed."""

    data: ClassVar[Any] = None

    def __init__(self, content: str | bytes, *, kind: str, name: str) -> None:
        disposition = f'attachment; filename="{name}"'
        super().__init__(content, content_type=kind, headers={"Content-Disposition": disposition})
