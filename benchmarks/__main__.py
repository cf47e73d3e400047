"""`manage.py bench [NAME ...] [--json] [--full] [--report]`: run cases and print a line per figure.

Started by `manage.py bench` beside a private installation, whose address and databases stand in
the environment.
"""

import argparse
import inspect
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module

from benchmarks.figures import Figure
from benchmarks.report import REPORT, machine_here, report_write

CASES = {
    "online_cpu": "benchmarks.online:online_cpu",
    "idle_latency": "benchmarks.online:idle_latency",
    "online_peer": "benchmarks.peers:online_peer",
    "many_tenants": "benchmarks.many:many_tenants",
    "int8": "benchmarks.engine:int8",
    "tail": "benchmarks.crowds:tail",
    "fairness": "benchmarks.crowds:fairness",
    "cold_adapter": "benchmarks.crowds:cold_adapter",
    "train_beside": "benchmarks.crowds:train_beside",
    "batch_rows": "benchmarks.batches:batch_rows",
    "train_speed": "benchmarks.training:train_speed",
    "train_quality": "benchmarks.training:train_quality",
    "search_cost": "benchmarks.training:search_cost",
    "quota": "benchmarks.quota:quota",
    "ingest": "benchmarks.ingest:ingest",
    "money_scale": "benchmarks.money_scale:money_scale",
}


def main(arguments: list[str]) -> int:
    """Run the cases named (all when none is); 1 when one could not be measured."""
    parser = argparse.ArgumentParser(prog="manage.py bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}")
    parser.add_argument("--json", action="store_true", help="print JSON lines")
    parser.add_argument("--full", action="store_true", help="the long forms")
    parser.add_argument("--report", action="store_true", help=f"keep them in docs/{REPORT.name}")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in CASES]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}")
    failed = False
    for name in options.names or CASES:
        started = time.monotonic()
        try:
            for figure in _figures(name, full=options.full):
                _print(figure, as_json=options.json)
                if options.report:
                    today = datetime.now(UTC).date()
                    report_write(REPORT, [figure], day=today, machine=machine_here())
        except Exception as error:  # noqa: BLE001 # one broken case must not hide the others
            failed = True
            told = {"error": f"{type(error).__name__}: {error}"[:2000]}
            unmeasured: Figure = {
                "bar": name, "value": None, "target": None, "ok": False, "detail": told,
            }  # fmt: skip
            _print(unmeasured, as_json=options.json)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)  # noqa: T201 # the command's output
    return int(failed)


def _figures(name: str, *, full: bool) -> Iterator[Figure]:
    module, _, function = CASES[name].partition(":")
    case = getattr(import_module(module), function)
    yield from case(full=full) if "full" in inspect.signature(case).parameters else case()


def _print(figure: Figure, *, as_json: bool) -> None:
    if as_json:
        line = json.dumps(figure)
    else:
        mark = "ok  " if figure["ok"] else "miss"
        line = (
            f"{mark} {figure['bar']:<28} {figure['value']} (target {figure['target']})"
            f"  {json.dumps(figure['detail'])}"
        )
    print(line, flush=True)  # noqa: T201 # the command's output


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
