"""Object storage in a folder: a write appears whole or not at all, and survives a power cut."""

import os
import tempfile
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage


class LocalStorage(FileSystemStorage):
    """Django's folder with writes by rename: a reader meets the old bytes or the new ones."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name asked for: keys are ours, and writing one again replaces it."""
        return name

    def _save(self, name: str, content: Any) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=".", dir=target.parent)  # readable by us alone
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, target)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        return name
