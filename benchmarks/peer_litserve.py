"""LitServe with the same weights, batching on.

    python -m benchmarks.peer_litserve litserve FOLDER PORT

A module of its own: its workers import it anew, and `litserve` is there for them alone.
"""

import os
import sys
from typing import Any

import litserve

from benchmarks.peer_servers import FOLDER, classifier

BATCH = 32
BATCH_SECONDS = 0.005


class Api(litserve.LitAPI):
    """A pipeline that gets up to 32 texts at once."""

    def setup(self, device: str) -> None:
        """Load the model in the worker."""
        self.model = classifier()

    def decode_request(self, request: dict[str, str]) -> str:
        """Take the text out of a body."""
        return request["input"]

    def predict(self, x: list[str]) -> list[Any]:
        """Answer a batch."""
        return list(self.model(x, batch_size=len(x)))

    def encode_response(self, output: Any) -> dict[str, Any]:
        """Shape an answer as the other servers do."""
        return {"data": [output]}


def main() -> None:
    """Serve until told to stop."""
    os.environ[FOLDER] = sys.argv[2]
    api = Api(max_batch_size=BATCH, batch_timeout=BATCH_SECONDS)
    server = litserve.LitServer(api, accelerator="cpu", devices=1, workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[3]), log_level="warning", generate_client_file=False
    )


if __name__ == "__main__":
    main()
