"""Hugging Face folders of strangers: taken in number by number, or refused by name, never run.

D2 to D4 of the hostile corpus: pickles in every disguise, configs that ask for code, headers that
lie. Whatever would run writes the canary; no test may find it.
"""

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file
from transformers import DistilBertTokenizer, RobertaTokenizer, XLMRobertaTokenizer

from mlworker.engine.artifact import Artifact, check_shapes, load_artifact
from mlworker.engine.base.config import BertConfig
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.export import export_merged
from mlworker.engine.importing.convert import folder_convert
from mlworker.engine.importing.files import ImportInvalid, Upload, files_take
from tests.unit.engine.conftest import sentences
from tests.unit.engine.exports import ours
from tests.unit.engine.test_architectures import MODELS, stock_save
from tests.unit.engine.test_artifact import make_artifact


class Bomb:
    """A pickle of this touches the canary when it is read."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (open, (str(self.canary), "w"))


def pickled(canary: Path, protocol: int = 2) -> bytes:
    """The same bomb written by hand: GLOBAL open, its arguments, REDUCE, STOP."""
    head = b"" if protocol == 0 else bytes([0x80, protocol])
    return head + f"c__builtin__\nopen\n(S'{canary}'\nS'w'\ntR.".encode()


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "canary"
    yield path
    assert not path.exists()


@pytest.fixture(scope="module")
def exported(tiny: BaseDirectory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What save_pretrained would write of a classifier on the tiny base."""
    return export_merged(make_artifact(tiny, "full"), tiny, tmp_path_factory.mktemp("hf") / "m")


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    return shutil.copytree(exported, tmp_path / "folder")


def _import(folder: Path, base: BaseDirectory, tmp_path: Path) -> Path:
    """Import as the service does: files one by one."""
    uploads = [
        Upload(path.name, io.BytesIO(path.read_bytes())) for path in sorted(folder.iterdir())
    ]
    taken = tmp_path / "taken"
    taken.mkdir()
    files_take(uploads, taken)
    folder_convert(taken, {base.id: base}, tmp_path / "artifact")
    return tmp_path / "artifact"


def _edit(folder: Path, name: str, **changes: object) -> None:
    body = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(body | changes))


def test_an_import_answers_as_what_was_exported(
    folder: Path, tiny: BaseDirectory, tmp_path: Path
) -> None:
    original = make_artifact(tiny, "full")

    artifact = load_artifact(_import(folder, tiny, tmp_path))

    assert (artifact.manifest.tier, artifact.manifest.labels) == ("full", ("a", "b", "c"))
    assert artifact.manifest.max_length == 64
    torch.testing.assert_close(_answers(tiny, original), _answers(tiny, artifact))


def _answers(base: BaseDirectory, model: Artifact) -> torch.Tensor:
    return torch.tensor(ours(base, model, [row["text"] for row in sentences(5)] + [""]))


def _base_of(kind: str, folder: Path, minilm: BaseDirectory) -> BaseDirectory:
    """A tiny base of a layout with the files that its tokenizer's class writes beside."""
    model = MODELS[kind]()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    base = stock_save(model, folder, minilm)
    classes = {"roberta": RobertaTokenizer, "xlm-roberta": XLMRobertaTokenizer}
    beside = folder.with_name("tokenizer")
    classes.get(kind, DistilBertTokenizer)().save_pretrained(beside)
    shutil.copyfile(beside / "tokenizer_config.json", folder / "tokenizer_config.json")
    for name in ("vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model"):
        (folder / name).write_text("not opened")
    return base


@pytest.mark.parametrize("tier", ["lora", "full"])
@pytest.mark.parametrize("kind", ["roberta", "xlm-roberta", "distilbert"])
def test_an_export_of_another_layout_comes_back(
    kind: str, tier: str, minilm: BaseDirectory, tmp_path: Path
) -> None:
    base = _base_of(kind, tmp_path / "base", minilm)
    original = make_artifact(base, tier)
    exported = export_merged(original, base, tmp_path / "out")
    assert (exported / "merges.txt").is_file()

    artifact = load_artifact(_import(exported, base, tmp_path))

    check_shapes(artifact, BertConfig.read(base.directory / "config.json"))
    torch.testing.assert_close(_answers(base, original), _answers(base, artifact))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_short_floats_are_widened(
    dtype: torch.dtype, folder: Path, tiny: BaseDirectory, tmp_path: Path
) -> None:
    weights = {
        name: torch.from_numpy(value).to(dtype)
        for name, value in load_file(folder / "model.safetensors").items()
    }
    save_file(weights, folder / "model.safetensors")

    artifact = load_artifact(_import(folder, tiny, tmp_path))

    wide = weights["classifier.weight"].float()
    assert torch.equal(artifact.tensors["head.weight"], wide)


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    out.seek(0)
    return out


@pytest.mark.parametrize("around", ["", "my-model/"])
def test_a_zip_is_read_with_or_without_a_folder_around(
    around: str, folder: Path, tmp_path: Path
) -> None:
    archive = zipped({f"{around}{path.name}": path.read_bytes() for path in folder.iterdir()})
    taken = tmp_path / "taken"
    taken.mkdir()
    names = files_take([Upload("m.zip", archive)], taken)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert (taken / "config.json").read_bytes() == (folder / "config.json").read_bytes()


def refusal(folder: Path, base: BaseDirectory, tmp_path: Path) -> str:
    with pytest.raises(ImportInvalid) as caught:
        _import(folder, base, tmp_path)
    assert not (tmp_path / "artifact").exists()
    return str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        *("pytorch_model.bin", "model.pt", "model.pth", "last.ckpt", "data.pkl", "x.joblib"),
        *("training_args.bin", "rng_state.pth", "weights.npy", "modeling_evil.py", "lib.so"),
        *("adapter_config.json", "adapter_model.safetensors", "preprocessor_config.json"),
    ],
)
def test_d2_a_file_that_could_run_is_refused_by_name(
    name: str, folder: Path, tiny: BaseDirectory, tmp_path: Path, canary: Path
) -> None:
    (folder / name).write_bytes(pickled(canary))
    assert name in refusal(folder, tiny, tmp_path)


def _torch_zip(canary: Path) -> bytes:
    out = io.BytesIO()
    torch.save({"w": Bomb(canary)}, out)
    return out.getvalue()


def _numpy_object(canary: Path) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([Bomb(canary)], dtype=object), allow_pickle=True)
    return out.getvalue()


@pytest.mark.parametrize(
    ("disguise", "kind"),
    [
        (pickled, "a pickle"),
        (lambda canary: pickled(canary, 0), "declares a header"),
        (_torch_zip, "a zip"),
        (_numpy_object, "a numpy file"),
    ],
)
def test_d2_a_pickle_that_calls_itself_safetensors_is_known_by_its_content(
    disguise: Callable[[Path], bytes],
    kind: str,
    folder: Path,
    tiny: BaseDirectory,
    tmp_path: Path,
    canary: Path,
) -> None:
    (folder / "model.safetensors").write_bytes(disguise(canary))
    assert kind in refusal(folder, tiny, tmp_path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_d2_a_pickle_in_the_place_of_a_config_is_refused(
    name: str, folder: Path, tiny: BaseDirectory, tmp_path: Path, canary: Path
) -> None:
    (folder / name).write_bytes(pickled(canary))
    assert name in refusal(folder, tiny, tmp_path)


def test_d2_a_torch_archive_sent_as_the_zip_is_refused(tmp_path: Path, canary: Path) -> None:
    with pytest.raises(ImportInvalid, match="archive/"):
        files_take([Upload("m.zip", io.BytesIO(_torch_zip(canary)))], tmp_path)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("config.json", "auto_map", {"AutoModel": "evil--repo.Model"}),
        ("config.json", "trust_remote_code", True),
        ("config.json", "_attn_implementation_internal", "evil/kernels"),
        ("config.json", "custom_pipelines", {"evil": {"impl": "evil.Pipeline"}}),
        ("config.json", "quantization_config", {"quant_method": "evil"}),
        ("config.json", "architectures", ["EvilModel"]),
        ("config.json", "model_type", "evil"),
        ("config.json", "model_type", "roberta"),
        ("config.json", "position_offset", 2),
        ("config.json", "dtype", {"trust_remote_code": True}),
        ("config.json", "task_specific_params", {"a": {"trust_remote_code": True}}),
        ("config.json", "hidden_act", "evil"),
        ("tokenizer_config.json", "auto_map", {"AutoTokenizer": ["evil.Tokenizer", None]}),
        ("tokenizer_config.json", "tokenizer_class", "EvilTokenizer"),
        (
            "tokenizer_config.json",
            "chat_template",
            "{{ cycler.__init__.__globals__.os.system('touch canary') }}",
        ),
    ],
)
def test_d3_a_config_that_asks_for_code_is_refused_with_its_key(
    name: str, key: str, value: object, folder: Path, tiny: BaseDirectory, tmp_path: Path
) -> None:
    _edit(folder, name, **{key: value})
    message = refusal(folder, tiny, tmp_path)
    assert name in message
    assert key in message


@pytest.mark.parametrize(
    "path", ["../config.json", "/etc/config.json", "a/../../config.json", "a\\config.json", "c:x"]
)
def test_d3_a_path_that_leads_elsewhere_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(ImportInvalid, match="not a plain file name"):
        files_take([Upload("m.zip", zipped({path: b"{}"}))], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_d3_a_base_named_by_a_path_is_never_looked_for(
    folder: Path, tiny: BaseDirectory, tmp_path: Path
) -> None:
    (folder / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": "../../secrets"})
    )
    assert "adapter_config.json" in refusal(folder, tiny, tmp_path)


def test_another_tokenizer_is_refused(folder: Path, tiny: BaseDirectory, tmp_path: Path) -> None:
    _edit(folder, "tokenizer.json", normalizer=None)
    assert "tokenizer.json is another" in refusal(folder, tiny, tmp_path)


@pytest.mark.parametrize(
    "labels",
    [
        *(
            {},
            {"0": "a"},
            {"0": "a", "1": "a"},
            {"0": "a", "2": "b"},
            {"0": "a", "1": 3},
            ["a", "b"],
        ),
        *({"0": "a", "1": "b\x00"}, {"0": "a", "1": "\ud800"}),
    ],
)
def test_labels_that_name_nothing_are_refused(
    labels: object, folder: Path, tiny: BaseDirectory, tmp_path: Path
) -> None:
    _edit(folder, "config.json", id2label=labels)
    assert "id2label" in refusal(folder, tiny, tmp_path)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_what_is_missing_is_named(
    name: str, folder: Path, tiny: BaseDirectory, tmp_path: Path
) -> None:
    (folder / name).unlink()
    assert f"{name} is missing" in refusal(folder, tiny, tmp_path)


def test_a_key_that_is_there_twice_is_refused(
    folder: Path, tiny: BaseDirectory, tmp_path: Path
) -> None:
    text = (folder / "config.json").read_text().strip()
    (folder / "config.json").write_text('{"auto_map": null,' + text[1:-1] + ', "auto_map": null}')
    assert "twice" in refusal(folder, tiny, tmp_path)
