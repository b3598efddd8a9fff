"""`train.start`: a run that begins with the networks of a finished run."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.core.files import sha256_file
from mangagan.gan.config import resolve
from mangagan.gan.start import load_start, serialize_networks
from mangagan.networks.weights import load_generator
from mangagan.stages.train import run
from tests.gan_runs import CLASSIC, CONFIG, TINY, faces, fresh
from tests.train_workspace import contents, make_workspace


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with a trained model."""
    root = make_workspace(tmp_path_factory.mktemp("finished"))
    run(root)
    return root


def continue_from(root: Path, networks: Path, **changes: object) -> Path:
    """Return a workspace with other faces whose training starts from a file of networks."""
    return make_workspace(root, count=14, start=str(networks), start_sha256=sha256_file(networks), **changes)


def test_the_file_holds_the_delivered_generator_and_the_discriminators(finished: Path) -> None:
    tensors = load_file(finished / catalog.NETWORKS)
    assert {name.split(".")[0] for name in tensors} == {
        "generator",
        "discriminator",
        "feature_discriminator",
        "augment",
    }
    generator = load_generator(finished / catalog.GENERATOR, finished / catalog.MODEL_CARD)
    assert all(torch.equal(value, tensors[f"generator.{name}"]) for name, value in generator.state_dict().items())


def test_a_run_starts_from_the_weights_of_a_finished_run(finished: Path, tmp_path: Path) -> None:
    networks = finished / catalog.NETWORKS
    run(continue_from(tmp_path, networks, kimg=0.008))
    before = load_generator(finished / catalog.GENERATOR, finished / catalog.MODEL_CARD).state_dict()
    after = load_generator(tmp_path / catalog.GENERATOR, tmp_path / catalog.MODEL_CARD).state_dict()
    name = "project.weight"
    change = (after[name] - before[name]).abs().max()
    assert 0 < change < 0.01, "one step away"
    card = json.loads((tmp_path / catalog.MODEL_CARD).read_text())
    assert card["params"]["start_sha256"] == sha256_file(networks)


def test_a_moved_file_is_the_same_start(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    networks = tmp_path / "copy.safetensors"
    networks.write_bytes((finished / catalog.NETWORKS).read_bytes())
    run(continue_from(tmp_path, networks))
    before = contents(tmp_path)
    moved = networks.rename(tmp_path / "moved.safetensors")
    run(continue_from(tmp_path, moved))
    assert "already trained" in capsys.readouterr().err
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"z_dim": 9}, "does not fit (generator: the tensor project.weight has the shape (392, 8), not (392, 9))"),
        ({"channels": "rgb"}, "does not fit (generator: the tensor draw.weight has the shape (4, 1, 3, 3), not"),
        ({"start_sha256": "0" * 64}, "not train.start_sha256 000"),
        ({"start_sha256": ""}, "train.start_sha256 must be the file's SHA-256, "),
        ({"start": "nowhere"}, "train.start: no file"),
        ({"start": "models/networks.safetensors"}, "which DVC deletes before it trains. Run: dvc checkout"),
    ],
)
def test_a_start_that_cannot_be_used_is_one_line(
    finished: Path, tmp_path: Path, changes: dict[str, object], line: str
) -> None:
    networks = finished / catalog.NETWORKS
    make_workspace(tmp_path, **{"start": str(networks), "start_sha256": sha256_file(networks), **changes})
    with pytest.raises(UserError) as raised:
        run(tmp_path)
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", ["text", "generator only", "not finite"])
def test_a_damaged_start_is_one_line(tmp_path: Path, content: str) -> None:
    state, path = fresh(TINY, faces()), tmp_path / "networks.safetensors"
    path.write_bytes(serialize_networks(state, state.generator))
    tensors = load_file(path)
    if content == "text":
        path.write_text("hello")
    elif content == "generator only":
        save_file({name: value for name, value in tensors.items() if name.startswith("generator.")}, path)
    else:
        save_file({**tensors, "discriminator.classify.weight": torch.full((1, 784), float("nan"))}, path)
    expected = {
        "text": "is not a safetensors file",
        "generator only": "has no discriminator",
        "not finite": "not finite",
    }
    with pytest.raises(UserError, match=expected[content]):
        load_start(fresh(TINY, faces()), TINY, path)


def test_new_discriminators_on_features_start_from_random_weights(tmp_path: Path) -> None:
    plain = replace(TINY, feature_weight=0.0)
    path = tmp_path / "networks.safetensors"
    old, new = fresh(replace(plain, seed=5), faces()), fresh(TINY, faces())
    path.write_bytes(serialize_networks(old, old.generator))
    load_start(new, TINY, path)
    expected = fresh(TINY, faces()).feature_discriminator
    assert new.feature_discriminator is not None and expected is not None
    pairs = zip(new.feature_discriminator.parameters(), expected.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert torch.equal(new.generator.project.weight, old.generator.project.weight)
    assert new.average is not None
    assert torch.equal(new.average.project.weight, old.generator.project.weight)


def test_the_strength_of_augmentation_is_taken_only_if_it_adapts(tmp_path: Path) -> None:
    path, old = tmp_path / "networks.safetensors", fresh(TINY, faces())
    old.strength.fill_(0.25)
    path.write_bytes(serialize_networks(old, old.generator))
    for settings, expected in ((TINY, 0.25), (replace(TINY, augment_target=0.0, augment_p=0.5), 0.5)):
        new = fresh(settings, faces())
        load_start(new, settings, path)
        assert new.strength.item() == expected


def test_a_hash_without_a_start_means_nothing(tmp_path: Path) -> None:
    for start, digest, expected in (("none", "a" * 64, ""), ("file", "A" * 64, "a" * 64)):
        assert resolve(replace(CONFIG, start=start, start_sha256=digest)).start_sha256 == expected


def test_a_run_with_a_checkpoint_does_not_need_its_start(finished: Path, tmp_path: Path) -> None:
    networks = tmp_path / "copy.safetensors"
    networks.write_bytes((finished / catalog.NETWORKS).read_bytes())
    run(continue_from(tmp_path, networks))
    before = contents(tmp_path)
    networks.unlink()
    run(tmp_path)
    assert contents(tmp_path) == before


def test_a_diverged_training_leaves_no_discriminator_to_start_from(tmp_path: Path) -> None:
    state, path = fresh(CLASSIC, faces()), tmp_path / "networks.safetensors"
    next(state.discriminator.parameters()).data.fill_(float("nan"))
    path.write_bytes(serialize_networks(state, state.generator))
    assert not any(name.startswith("discriminator") for name in load_file(path))
