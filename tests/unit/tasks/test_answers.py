"""What each task says of a text: known cases, and the bodies that the gateway makes of them."""

import json
from array import array
from typing import Any

import pytest

from anneal.kernel.ids import uuid7
from mlworker.engine.base.locate import locate_base
from mlworker.engine.data.spans import Span, spans_of, tag_words, words_of
from mlworker.engine.tasks import task_named
from mlworker.engine.tasks.base import Source
from mlworker.engine.tokenizer import TextTokenizer
from mlworker.serving.gateway.answers import abstentions, classify_render, pipeline_render
from mlworker.serving.protocol import Answer, ModelSpec, Work
from mlworker.serving.worker.backlog import Pending

NER, MANY, NUMBER = "token_classification", "multi_label_classification", "regression"
TAGS = ("O", "B-person", "I-person", "B-place", "I-place")
TEXT = "😀 Alice O'Neil likes 北京 a lot"
SPANS = [(2, 14, "person"), (21, 23, "place")]


@pytest.fixture(scope="module")
def tokenizer() -> TextTokenizer:
    return TextTokenizer.load(locate_base("minilm-l6").directory)


def source_of(text: str, tokenizer: TextTokenizer) -> Source:
    return Source(text, tokenizer.encode([text], 64, words=True)[0])


def answer_of(*rows: list[float]) -> Answer:
    """As an engine sends it."""
    work = Work(1, b"", ModelSpec("v", "head", "", "", 1), 0.0, [1] * len(rows), b"")
    pending = Pending(work, "gateway", 0, 0.0)
    pending.values = list(rows)
    return pending.answer()


def tagged(source: Source) -> list[float]:
    """The right tag of every word, with one score less than the others."""
    row = {"text": source.text, "label": json.dumps(SPANS)}
    (target,) = task_named(NER).targets([row], TAGS, [source.encoded])
    values: list[float] = []
    for place, tag in enumerate(target):  # type: ignore[arg-type] # a list, for tokens
        values += [max(tag, 0), 0.5 if place == 2 else 0.9]
    return values


def test_spans_are_found_again_with_their_characters(tokenizer: TextTokenizer) -> None:
    source = source_of(TEXT, tokenizer)
    found = task_named(NER).prediction(tagged(source), TAGS, source=source)

    shown = [(one["start"], one["end"], one["label"], one["text"]) for one in found["entities"]]  # type: ignore[index,call-overload,union-attr] # a list of objects
    assert shown == [(2, 14, "person", "Alice O'Neil"), (21, 23, "place", "北京")]
    assert all(TEXT[start:end] == words for start, end, _, words in shown)


def test_a_threshold_leaves_out_unsure_spans(tokenizer: TextTokenizer) -> None:
    source = source_of(TEXT, tokenizer)
    values = tagged(source)

    found = task_named(NER).prediction(values, TAGS, source=source, threshold=0.85)

    assert [one["label"] for one in found["entities"]] == ["place"]  # type: ignore[index,call-overload,union-attr] # a list of objects


def test_a_text_that_was_cut_has_spans_of_its_beginning(tokenizer: TextTokenizer) -> None:
    encoded = tokenizer.encode([TEXT], 8, words=True)[0]
    (target,) = task_named(NER).targets(
        [{"text": TEXT, "label": json.dumps(SPANS)}], TAGS, [encoded]
    )
    assert encoded.truncated
    assert len(target) == len(encoded.ids) == 8  # type: ignore[arg-type] # a list, for tokens


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ([], []),
        ([0, 1, 2, 0], [Span(1, 3, 0)]),
        ([2, 2, 4], [Span(0, 2, 0), Span(2, 3, 1)]),
        ([1, 1, 2], [Span(0, 1, 0), Span(1, 3, 0)]),
        ([1, 0, 2], [Span(0, 1, 0), Span(2, 3, 0)]),
    ],
)
def test_tags_are_read_as_conlleval_reads_them(tags: list[int], spans: list[Span]) -> None:
    assert spans_of(tags) == spans


def test_a_span_takes_every_word_it_touches(tokenizer: TextTokenizer) -> None:
    words = list(words_of(tokenizer.encode(["unbelievable story, indeed"], 64, words=True)[0]))
    assert [(word.start, word.end) for word in words] == [(0, 12), (13, 18), (18, 19), (20, 26)]
    assert tag_words(words, [Span(2, 16, 1)]) == [3, 4, 0, 0]


def test_entity_figures_count_whole_spans_alone() -> None:
    torch = pytest.importorskip("torch")
    # true: person 0-1, place 2; said: person 0 (too short), place 2, and a person that is none
    targets = [(1, 2, 3, 0, -100)]
    logits = torch.nn.functional.one_hot(torch.tensor([1, 0, 3, 1, 2]), 5) * 9.0

    found = task_named(NER).evaluate(logits, targets, TAGS)

    assert (found["precision"], found["recall"]) == pytest.approx((1 / 3, 1 / 2))
    assert found["f1"] == pytest.approx(0.4)
    assert found["word_accuracy"] == pytest.approx(0.5)


def test_number_figures_of_a_known_case() -> None:
    torch = pytest.importorskip("torch")
    task = task_named(NUMBER)
    found = task.evaluate(torch.tensor([[1.0], [2.0], [4.0], [3.0]]), [1, 2, 3, 4], ("value",))

    assert [found[name] for name in ("mae", "rmse", "r2", "spearman")] == pytest.approx(
        [0.5, 0.5**0.5, 1 - 2 / 5, 0.8]
    )


def test_a_fitted_head_answers_in_the_datas_own_unit() -> None:
    torch = pytest.importorskip("torch")
    task = task_named(NUMBER).fitted([1000.0, 3000.0], ("value",))
    tensors = task.published(
        {"head.weight": torch.tensor([[0.5]]), "head.bias": torch.tensor([1.0])}
    )
    scaled = torch.tensor([[2.0]])

    plain = scaled @ tensors["head.weight"].T + tensors["head.bias"]

    assert float(plain) == float(task.answers(scaled * 0.5 + 1)) == pytest.approx(4000)


def render(task: str, labels: tuple[str, ...], answer: Answer, **options: Any) -> Any:
    settings: dict[str, Any] = {"top_k": None, "threshold": None, **options}
    ids = [uuid7() for _ in range(2)]
    body = json.loads(
        classify_render(model="m", task=task, labels=labels, event_ids=ids, usage={}, **settings)(
            answer
        )
    )
    return [{k: v for k, v in item.items() if k not in ("id", "index")} for item in body["data"]]


def test_bodies_are_in_the_tasks_own_shape(tokenizer: TextTokenizer) -> None:
    many = render(MANY, ("a", "b"), answer_of([0.25, 0.75], [0.125, 0.25]))
    assert many == [
        {"labels": ["b"], "scores": {"b": 0.75, "a": 0.25}},
        {"labels": [], "scores": {"b": 0.25, "a": 0.125}},
    ]
    assert render(MANY, ("a", "b"), answer_of([0.25, 0.75], [0.5, 0.5]), threshold=0.2)[0][
        "labels"
    ] == ["b", "a"]
    assert render(NUMBER, ("value",), answer_of([1.5], [-2.0])) == [{"value": 1.5}, {"value": -2.0}]

    sources = [source_of(text, tokenizer) for text in (TEXT, "nothing here")]
    silent = [0.0, 0.9] * len(sources[1].encoded.ids)
    answer = answer_of(tagged(sources[0]), silent)
    assert (answer.columns, len(answer.sizes)) == (0, 2)
    first, second = render(NER, TAGS, answer, sources=sources)
    assert [one["text"] for one in first["entities"]] == ["Alice O'Neil", "北京"]
    assert second == {"entities": []}


def test_pipelines_answer_as_stock_ones_do(tokenizer: TextTokenizer) -> None:
    source = source_of(TEXT, tokenizer)
    alone = pipeline_render(task=NER, labels=TAGS, top_k=None, sources=[source], alone=True)
    found = json.loads(alone(answer_of(tagged(source))))
    assert [(one["entity_group"], one["word"], one["start"]) for one in found] == [
        ("person", "Alice O'Neil", 2),
        ("place", "北京", 21),
    ]
    number = pipeline_render(task=NUMBER, labels=("value",), top_k=None)
    assert json.loads(number(answer_of([1.5]))) == [[{"label": "value", "score": 1.5}]]


def test_only_a_missing_label_is_free() -> None:
    low = answer_of([0.25, 0.25])
    assert abstentions(task="text_classification", threshold=0.5)(low) == [True]
    for task in (MANY, NER, NUMBER):
        assert abstentions(task=task, threshold=0.5)(low) == [False]


def test_rows_of_one_length_travel_without_sizes() -> None:
    answer = answer_of([0.25, 0.75], [0.5, 0.5])
    assert (answer.columns, answer.sizes) == (2, [])
    assert array("f", answer.values).tolist() == [0.25, 0.75, 0.5, 0.5]
