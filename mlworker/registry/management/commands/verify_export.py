"""`manage.py verify_export FILE`: whether an export is whole and whose it is."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mlworker.registry.exports.manifest import ExportInvalid, export_verify


class Command(BaseCommand):
    """Check signature and sums; exit 1 when anything differs. Needs no database."""

    help = "Verify the signature and the files of an exported model."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("file", type=Path, help="the zip, or the folder it was unpacked to")
        parser.add_argument("--key", type=Path, help="the exporting installation's public key, PEM")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify."""
        path: Path = options["file"]
        if not path.exists():
            raise CommandError(f"{path} does not exist.")
        try:
            pem = options["key"].read_bytes() if options["key"] else None
            found = export_verify(path, pem)
        except (OSError, ValueError) as error:
            raise CommandError(f"{options['key']} is no Ed25519 public key: {error}.") from error
        except ExportInvalid as error:
            raise CommandError(str(error)) from error
        manifest = found.manifest
        facts = {
            "ok": True,
            "model": manifest["model"],
            "format": manifest["format"],
            "files": len(manifest["files"]),
            "key": found.key,
        }
        lines = [json.dumps(facts)] if options["json"] else [f"{k}: {v}" for k, v in facts.items()]
        self.stdout.write("\n".join(lines))
