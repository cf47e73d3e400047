"""What others would serve the same weights with; LitServe is in `peer_litserve`.

    python -m benchmarks.peer_servers pipeline|celery FOLDER PORT

FOLDER is a Hugging Face folder. None of them knows customers, keys, quota or metering. `celery`
is its web half; its worker is `celery -A benchmarks.peer_servers:tasks worker`.
"""

import os
import sys
from typing import Any

import uvicorn

FOLDER = "PEER_FOLDER"
WAIT_SECONDS = 60


def classifier() -> Any:
    """Stock transformers' pipeline on all cores."""
    import torch  # noqa: PLC0415 # the server's process alone
    from transformers import pipeline  # noqa: PLC0415 # same

    torch.set_num_threads(os.cpu_count() or 1)
    return pipeline("text-classification", model=os.environ[FOLDER], device="cpu", top_k=None)


def pipeline_app() -> Any:
    """FastAPI around a pipeline, call after call: side by side they get in each other's way."""
    from fastapi import FastAPI  # noqa: PLC0415 # not ours

    app, model = FastAPI(), classifier()

    @app.post("/predict")
    async def predict(body: dict[str, str]) -> dict[str, Any]:
        return {"data": model([body["input"]])}

    return app


def celery_app() -> Any:
    """FastAPI that hands each text to a Celery worker and waits for it."""
    from fastapi import FastAPI  # noqa: PLC0415 # not ours

    app = FastAPI()

    @app.post("/predict")
    def predict(body: dict[str, str]) -> dict[str, Any]:
        answer = tasks.send_task("peer.predict", [body["input"]], queue="peer")
        return {"data": answer.get(timeout=WAIT_SECONDS)}

    return app


def _tasks() -> Any:
    from celery import Celery  # noqa: PLC0415 # only one of the servers needs it

    redis = os.environ["PEER_REDIS"]
    app = Celery("peer", broker=redis, backend=redis)
    held: list[Any] = []

    @app.task(name="peer.predict")  # type: ignore[untyped-decorator]  # Celery has no types
    def predict(text: str) -> list[Any]:
        if not held:
            held.append(classifier())
        return list(held[0]([text]))

    return app


tasks = _tasks() if "PEER_REDIS" in os.environ else None


def main() -> None:
    """Serve until told to stop."""
    kind, folder, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    os.environ[FOLDER] = folder
    app = pipeline_app() if kind == "pipeline" else celery_app()
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
