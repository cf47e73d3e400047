"""Taking a base in Hugging Face layout into this installation, checked before it can be used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from mlworker.engine.base.bert import Bert
from mlworker.engine.base.locate import (
    BASE_ID,
    PIN,
    REQUIRED_FILES,
    WEIGHTS,
    BaseDirectory,
    base_at,
    bases_directory,
    file_sha256,
)
from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.engine.tokenizer import TextTokenizer

OPTIONAL_FILES = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
)


def base_add(base_id: str, source: Path) -> BaseDirectory:
    """Copy the files of `source` that are used, prove that they load, then give them their name.

    Weights are safetensors only: nothing is unpickled and no code of the folder is run.
    EngineError says what is missing or does not fit; then nothing is left behind.
    """
    if not BASE_ID.fullmatch(base_id):
        raise EngineError(
            ErrorCode.INVALID_CONFIG,
            f"{base_id!r} is no name for a base: small letters, digits, '.' and '-'.",
        )
    target = bases_directory() / base_id
    if target.exists():
        raise EngineError(
            ErrorCode.INVALID_CONFIG, f"{target} exists: remove it to add the base again."
        )
    for name in REQUIRED_FILES:
        if not (source / name).is_file():
            raise EngineError(ErrorCode.BASE_MISSING, f"{source / name} does not exist.")
    aside = target.with_name(f".{base_id}.adding")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        for name in (*REQUIRED_FILES, *OPTIONAL_FILES):
            if (source / name).is_file():
                shutil.copyfile(source / name, aside / name)
        pinned = file_sha256(aside / WEIGHTS)
        _prove(base_at(base_id, aside, pinned))
        (aside / PIN).write_text(json.dumps({"weights_sha256": pinned}), encoding="utf-8")
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return base_at(base_id, target, pinned)


def _prove(base: BaseDirectory) -> None:
    bert = Bert.load(base)
    size = TextTokenizer.load(base.directory).vocabulary_size
    if size > bert.config.vocab_size:
        raise EngineError(
            ErrorCode.BASE_CORRUPT,
            f"tokenizer.json has {size} tokens, config.json vectors for {bert.config.vocab_size}: "
            "they are of different models.",
        )
