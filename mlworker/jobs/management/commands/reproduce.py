"""`manage.py reproduce MANIFEST`: train again from an export's manifest and compare."""

import json
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from anneal.kernel.errors import DomainError
from anneal.kernel.scopes import OrganizationRef, system_scope
from mlworker.engine.contracts import EngineError
from mlworker.jobs.reproducing import TOLERANCE, CannotReproduce, Reproduction, reproduce
from mlworker.registry.exports.manifest import ExportInvalid, manifest_read
from tenants.accounts.models import Organization


class Command(BaseCommand):
    """Reproduce a model; exit 1 when a metric is further off than the tolerance."""

    help = "Train a model again from its export's manifest alone, and compare the metrics."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("manifest", type=Path, help="anneal-export.json, or the export's zip")
        parser.add_argument("--organization", metavar="SLUG", help="look for the rows here alone")
        parser.add_argument(
            "--tolerance", type=float, default=TOLERANCE, help="largest difference of a metric"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Train and compare."""
        path: Path = options["manifest"]
        if not path.exists():
            raise CommandError(f"{path} does not exist.")
        root = Path(settings.ANNEAL_HOME) / "work" / "reproduce"
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            manifest = manifest_read(path)
            with tempfile.TemporaryDirectory(dir=root) as folder:
                found = reproduce(
                    manifest=manifest,
                    organizations=_organizations(options["organization"]),
                    folder=Path(folder),
                )
        except (ExportInvalid, CannotReproduce) as error:
            raise CommandError(str(error)) from error
        except EngineError as error:
            raise CommandError(error.message) from error
        except DomainError as error:
            raise CommandError(error.text) from error
        self._tell(found, options["tolerance"], as_json=options["json"])
        if not found.agrees(options["tolerance"]):
            sys.exit(1)

    def _tell(self, found: Reproduction, tolerance: float, *, as_json: bool) -> None:
        verdict = found.agrees(tolerance)
        if as_json:
            metrics = {m.metric: {"expected": m.expected, "found": m.found} for m in found.metrics}
            body = {"ok": verdict, "same_weights": found.same_weights, "metrics": metrics}
            self.stdout.write(json.dumps(body))
            return
        for pair in found.metrics:
            mark = "ok" if pair.difference <= tolerance else "!!"
            self.stdout.write(f"{mark} {pair.metric}: {pair.expected:.6g} -> {pair.found:.6g}")
        same = "the same, byte for byte" if found.same_weights else "not byte for byte the same"
        said = "reproduced" if verdict else "not reproduced"
        self.stdout.write(f"{said}; the weights are {same}")


def _organizations(slug: str | None) -> dict[UUID, OrganizationRef]:
    with system_scope("reproduce"):
        rows = Organization.objects.values_list("id", "slug")
        named = rows.filter(slug=slug) if slug else rows
        found = {row[0]: OrganizationRef(*row) for row in named}
    if slug and not found:
        raise CommandError(f"There is no organization '{slug[:80]}': give the slug of one.")
    return found
