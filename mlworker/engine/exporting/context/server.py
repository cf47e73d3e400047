"""Serves the model beside this file: `POST /v1/classify {"input": "a text" or ["texts"]}`.

Needs onnxruntime, tokenizers and numpy, and nothing of the installation that exported it.
Settings: HOST (0.0.0.0), PORT (8080), THREADS (all cores).
"""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

MODEL = Path(__file__).resolve().parent / "model"
MAX_BODY = 1_000_000
MAX_TEXTS = 1_000
BATCH = 32


class Classifier:
    """The exported model: texts in, answers of its task out."""

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
        self.labels = [config["id2label"][str(index)] for index in range(len(config["id2label"]))]
        self.tokens = config["architectures"] == ["BertForTokenClassification"]
        self.answer = ANSWERS.get(config.get("problem_type"), one_label)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(max_length=int(settings["model_max_length"]))
        self.tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("THREADS") or 0)
        self.session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def classify(self, texts: list[str]) -> list[dict[str, Any]]:
        """Answer the texts in their order."""
        answers: list[dict[str, Any]] = []
        for first in range(0, len(texts), BATCH):
            batch = texts[first : first + BATCH]
            encoded = self.tokenizer.encode_batch(batch)
            inputs = {
                "input_ids": np.array([item.ids for item in encoded], dtype=np.int64),
                "attention_mask": np.array(
                    [item.attention_mask for item in encoded], dtype=np.int64
                ),
            }
            logits = np.asarray(self.session.run(["logits"], inputs)[0], dtype=np.float64)
            for text, item, row in zip(batch, encoded, logits, strict=True):
                answer = (
                    {"entities": entities(softmax(row), self.labels, item, text)}
                    if self.tokens
                    else self.answer(row, self.labels)
                )
                answers.append({"index": len(answers), **answer})
        return answers


def softmax(logits: Any) -> Any:
    """Probabilities along the last axis."""
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def one_label(row: Any, labels: list[str]) -> dict[str, Any]:
    """The best label, and every label with its probability."""
    shares = softmax(row).tolist()
    best = max(range(len(shares)), key=shares.__getitem__)
    scores = dict(zip(labels, shares, strict=True))
    return {"label": labels[best], "score": shares[best], "scores": scores}


def many_labels(row: Any, labels: list[str]) -> dict[str, Any]:
    """The labels from an even chance on, best first, and every label with its probability."""
    # Clipped where a double is 0 or 1 anyway: exp would complain of what lies beyond.
    shares = (1 / (1 + np.exp(-row.clip(-700, 700)))).tolist()
    ranked = sorted(zip(shares, labels, strict=True), key=lambda pair: -pair[0])
    found = [label for share, label in ranked if share >= 0.5]
    return {"labels": found, "scores": {label: share for share, label in ranked}}


def number(row: Any, labels: list[str]) -> dict[str, Any]:
    """The number itself."""
    return {"value": float(row[0])}


ANSWERS = {"multi_label_classification": many_labels, "regression": number}


def entities(shares: Any, tags: list[str], item: Any, text: str) -> list[dict[str, Any]]:
    """Runs of words with tags of one label: B-x begins one, I-x goes on where x came before.

    The first piece of a word speaks for it. Offsets count characters.
    """
    words: dict[int, list[Any]] = {}
    for place, (word, (start, end)) in enumerate(zip(item.word_ids, item.offsets, strict=True)):
        if word is not None:
            words.setdefault(word, [place, start, end])[2] = end
    found: list[dict[str, Any]] = []
    going: str | None = None
    for place, start, end in words.values():
        best = int(shares[place].argmax())
        mark, _, label = tags[best].partition("-")
        if not label:
            going = None
            continue
        if mark == "B" or going != label:
            found.append({"label": label, "start": start, "scores": []})
        found[-1]["end"] = end
        found[-1]["scores"].append(float(shares[place][best]))
        going = label
    return [
        {
            "label": one["label"],
            "start": one["start"],
            "end": one["end"],
            "text": text[one["start"] : one["end"]],
            "score": sum(one["scores"]) / len(one["scores"]),
        }
        for one in found
    ]


class Handler(BaseHTTPRequestHandler):
    """Two addresses: the model, and whether it is there."""

    classifier: Classifier
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """`/healthz` answers 200 once the model is loaded."""
        found = self.path == "/healthz"
        self._answer(200 if found else 404, {"status": "ok"} if found else _error("No such page."))

    def do_POST(self) -> None:
        """`/v1/classify` answers in the shape of the installation's own call."""
        size = self.headers.get("Content-Length", "")
        if not size.isdigit() or int(size) > MAX_BODY:
            self.close_connection = True
            self._answer(413, _error(f"Send a body of at most {MAX_BODY} bytes and its length."))
            return
        body = self.rfile.read(int(size))
        if self.path != "/v1/classify":
            self._answer(404, _error("Send texts to POST /v1/classify."))
            return
        texts = _texts(body)
        if texts is None:
            fix = f'Send {{"input": "a text"}} or a list of 1 to {MAX_TEXTS} texts.'
            self._answer(400, _error(fix))
            return
        self._answer(200, {"object": "list", "data": self.classifier.classify(texts)})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 # the base class's name
        """Write no line per call: texts are the caller's own."""

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _texts(body: bytes) -> list[str] | None:
    """Return the texts of a request, or None when it holds none."""
    try:
        given = json.loads(body)["input"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not 1 <= len(texts) <= MAX_TEXTS:
        return None
    if not all(isinstance(text, str) for text in texts):
        return None
    # Half of a surrogate pair is no character.
    return [text.encode("utf-8", "replace").decode() for text in texts]


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message}}


def main() -> None:
    """Load the model and answer until stopped."""
    Handler.classifier = Classifier(MODEL)
    address = os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT") or 8080)  # noqa: S104 # a container
    ThreadingHTTPServer(address, Handler).serve_forever()


if __name__ == "__main__":
    main()
