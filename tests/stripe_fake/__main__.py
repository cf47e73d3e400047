"""`python -m tests.stripe_fake`: the fake in a process of its own, until it is ended."""

import argparse
import sys
import threading

from tests.stripe_fake import StripeFake, serving, unchecked


def main() -> None:
    """Print the address, send webhooks as events happen, wait for the end of the input."""
    parser = argparse.ArgumentParser(prog="python -m tests.stripe_fake", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    if told := unchecked():
        sys.stderr.write(f"Requests are not checked: {told}\n")
    with serving(StripeFake(), port=options.port, automatic=True) as fake:
        sys.stdout.write(f"{fake.url}\n")
        sys.stdout.flush()
        threading.Event().wait() if sys.stdin.isatty() else sys.stdin.read()


if __name__ == "__main__":
    main()
