"""The JSON files of a Hugging Face folder: every key is known, or it is refused by its name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mlworker.engine.base.config import BertConfig
from mlworker.engine.contracts import EngineError
from mlworker.engine.importing.files import CONFIG, TOKENIZER, TOKENIZER_CONFIG, ImportInvalid

ARCHITECTURE: Final = "BertForSequenceClassification"
MODEL_TYPE: Final = "bert"
MAX_LABELS: Final = 1_000
MAX_LABEL: Final = 256
SIZES: Final = frozenset(BertConfig.__dataclass_fields__) - {"architecture", "position_offset"}
"""What has to be as in the base. Its layout has not: an export is in BERT's, whatever that was."""
_LABELS: Final = frozenset({"id2label", "label2id"})
_HARMLESS: Final = frozenset(
    {
        *("architectures", "attention_probs_dropout_prob", "bos_token_id", "classifier_dropout"),
        *("dtype", "eos_token_id", "gradient_checkpointing", "hidden_act", "hidden_dropout_prob"),
        *("initializer_range", "is_decoder", "add_cross_attention", "model_type", "num_labels"),
        *("output_attentions", "output_hidden_states", "pad_token_id", "problem_type"),
        *("position_embedding_type", "return_dict", "tie_encoder_decoder", "torch_dtype"),
        *("tie_word_embeddings", "transformers_version", "use_cache", "_name_or_path"),
    }
)
_TOKENIZER_KEYS: Final = frozenset(
    {
        *(
            "added_tokens_decoder",
            "additional_special_tokens",
            "backend",
            "clean_up_tokenization_spaces",
        ),
        *("cls_token", "do_basic_tokenize", "do_lower_case", "extra_special_tokens", "is_local"),
        *("local_files_only", "mask_token", "max_length", "model_max_length", "model_input_names"),
        *("never_split", "name_or_path", "pad_to_multiple_of", "pad_token", "pad_token_type_id"),
        *("padding_side", "sep_token", "special_tokens_map_file", "stride", "strip_accents"),
        *("tokenize_chinese_chars", "tokenizer_class", "truncation_side", "truncation_strategy"),
        *("unk_token", "tokenizer_file", "model_specific_special_tokens"),
        # what the tokenizers of RoBERTa and XLM-R say beside
        *("add_prefix_space", "bos_token", "eos_token", "errors", "sp_model_kwargs"),
        *("trim_offsets",),
    }
)
_TOKENIZERS: Final = (
    *("BertTokenizer", "BertTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"),
    *("DistilBertTokenizer", "DistilBertTokenizerFast", "RobertaTokenizer"),
    *("RobertaTokenizerFast", "XLMRobertaTokenizer", "XLMRobertaTokenizerFast"),
    None,
)


@dataclass(frozen=True, slots=True)
class Described:
    """What the config says the weights are."""

    sizes: BertConfig
    labels: tuple[str, ...]


def config_read(folder: Path) -> Described:
    """Read config.json by its allowlist. ImportInvalid names the key."""
    body = json_read(folder / CONFIG)
    for key, value in body.items():
        if key not in SIZES | _LABELS | _HARMLESS:
            raise ImportInvalid(
                f"{CONFIG} has the key {key[:80]!r}, which is not one of those that are read. "
                "Remove it if the model does without."
            )
        if isinstance(value, dict) and key not in _LABELS:
            raise ImportInvalid(f"{CONFIG}: {key!r} has keys of its own, which are never read.")
    if body.get("architectures") != [ARCHITECTURE]:
        raise ImportInvalid(f"{CONFIG}: architectures must be [{ARCHITECTURE!r}].")
    if body.get("model_type") != MODEL_TYPE:
        raise ImportInvalid(f"{CONFIG}: model_type must be {MODEL_TYPE!r}.")
    if body.get("problem_type") not in (None, "single_label_classification"):
        raise ImportInvalid(f"{CONFIG}: problem_type must be 'single_label_classification'.")
    try:
        sizes = BertConfig.read(folder / CONFIG)
    except EngineError as error:
        raise ImportInvalid(f"{CONFIG}: {error.message}") from error
    return Described(sizes, _labels(body))


def tokenizer_check(folder: Path, base: Path) -> bool:
    """Say whether the folder's tokenizer is the base's; how it pads and cuts is our business."""
    settings = folder / TOKENIZER_CONFIG
    if settings.is_file():
        body = json_read(settings)
        for key in body:
            if key not in _TOKENIZER_KEYS:
                raise ImportInvalid(
                    f"{TOKENIZER_CONFIG} has the key {key[:80]!r}, which is never read. Remove it."
                )
        if body.get("tokenizer_class") not in _TOKENIZERS:
            known = ", ".join(name for name in _TOKENIZERS if name)
            raise ImportInvalid(f"{TOKENIZER_CONFIG}: tokenizer_class must be one of {known}.")
    ours, theirs = json_read(base / TOKENIZER), json_read(folder / TOKENIZER)
    own = {"padding": None, "truncation": None}
    return {**ours, **own} == {**theirs, **own}


def max_length_of(folder: Path, longest: int) -> int:
    """Return how many tokens the model reads: what its tokenizer says, if that is sensible."""
    settings = folder / TOKENIZER_CONFIG
    value = json_read(settings).get("model_max_length") if settings.is_file() else None
    if isinstance(value, int) and not isinstance(value, bool) and 8 <= value <= longest:
        return value
    return longest


def json_read(path: Path) -> dict[str, Any]:
    """Return a JSON object in which no key comes twice. ImportInvalid names the file."""
    try:
        body = json.loads(path.read_bytes(), object_pairs_hook=json_once)
    except (ValueError, RecursionError) as error:
        raise ImportInvalid(f"{path.name} is not JSON in UTF-8: {error}.") from error
    if not isinstance(body, dict):
        raise ImportInvalid(f"{path.name} is not a JSON object.")
    return body


def json_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that says two things of one key: readers differ in which they believe."""
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ValueError("a key is there twice")
    return body


def _storable(label: str) -> bool:
    """Half of a surrogate pair is no character, and the database takes neither it nor NUL."""
    return "\0" not in label and not any("\ud800" <= sign <= "\udfff" for sign in label)


def _labels(body: Mapping[str, Any]) -> tuple[str, ...]:
    found = body.get("id2label")
    if not isinstance(found, dict) or not 2 <= len(found) <= MAX_LABELS:
        raise ImportInvalid(f"{CONFIG}: id2label must name 2 to {MAX_LABELS} labels.")
    labels = [found.get(str(index)) for index in range(len(found))]
    plain = [label for label in labels if isinstance(label, str) and 0 < len(label) <= MAX_LABEL]
    if len(set(plain)) != len(labels) or not all(map(_storable, plain)):
        raise ImportInvalid(
            f"{CONFIG}: id2label must number the labels from 0, each a text of its own of at most "
            f"{MAX_LABEL} characters."
        )
    return tuple(plain)
