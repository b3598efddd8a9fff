"""Samples and weights of a generator trained for a moment."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mangagan.core.errors import UserError
from mangagan.core.files import sha256_file, write_json
from mangagan.gan.loop import Callbacks, train
from mangagan.networks.dcgan import Generator
from mangagan.networks.sampling import draw_latents, generate_images, interpolate_latents
from mangagan.networks.weights import load_generator, save_generator
from tests.gan_runs import TINY, faces, fresh

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def generator() -> Generator:
    config = replace(TINY, kimg=0.2)
    state = fresh(config, faces())
    train(state, faces(), config, Callbacks())
    return state.generator


def test_latents_depend_on_seed_and_index_alone() -> None:
    assert torch.equal(draw_latents(100, 8, 1)[:10], draw_latents(10, 8, 1))
    assert not torch.equal(draw_latents(10, 8, 1), draw_latents(10, 8, 2))
    many = draw_latents(5000, 8, 0)
    assert many.dtype == torch.float32
    assert many.mean().item() == pytest.approx(0, abs=0.02)
    assert many.std().item() == pytest.approx(1, abs=0.02)


def test_an_image_does_not_depend_on_the_others(generator: Generator) -> None:
    z = draw_latents(70, 8, 5)
    generator.train()
    images = generate_images(generator, z)
    assert generator.training, "the mode is left as it was"
    assert images.dtype == np.uint8
    assert images.shape == (70, 1, 28, 28)
    assert np.array_equal(generate_images(generator, z[66:67]), images[66:67])
    assert np.array_equal(generate_images(generator, z.flip(0)), images[::-1])


def test_walks_pass_through_their_latents_at_constant_speed_and_length() -> None:
    z = torch.nn.functional.normalize(draw_latents(3, 50, 0)) * 7
    walk = interpolate_latents(z, 8)
    assert walk.shape == (17, 50)
    assert torch.allclose(walk[[0, 8, 16]], z, atol=1e-5)
    assert torch.allclose(walk.norm(dim=1), torch.tensor(7.0), atol=1e-4)
    steps = (walk[1:] - walk[:-1]).norm(dim=1)
    assert torch.allclose(steps[:8], steps[0], rtol=1e-4)
    assert torch.isfinite(interpolate_latents(torch.ones(2, 5), 3)).all(), "a walk from a point to itself"


def describe_weights(card: Path, weights: Path, **architecture: object) -> None:
    """Make a card describe the weights file as it is now, with changes of the architecture."""
    values = json.loads(card.read_text())
    values["architecture"] |= architecture
    write_json(card, {**values, "weights_sha256": sha256_file(weights)})


def test_weights_survive_the_disk_and_are_the_same_bytes_each_time(tmp_path: Path, generator: Generator) -> None:
    for name in ("a", "b"):
        save_generator(generator, tmp_path / name, tmp_path / f"{name}.json", {"data": {"faces": 8}})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    loaded = load_generator(tmp_path / "a", tmp_path / "a.json")
    assert not loaded.training
    z = draw_latents(4, 8, 0)
    assert np.array_equal(generate_images(loaded, z), generate_images(generator, z))


def test_weights_that_cannot_be_trusted_are_refused(tmp_path: Path, generator: Generator) -> None:
    weights, card = tmp_path / "g.safetensors", tmp_path / "model.json"
    with pytest.raises(UserError, match=r"not found.*dvc repro train"):
        load_generator(weights, card)
    save_generator(generator, weights, card, {})
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + b"x")
    with pytest.raises(UserError, match="does not describe"):
        load_generator(weights, card)
    for protocol in (True, False):
        torch.save(generator.state_dict(), weights, _use_new_zipfile_serialization=protocol)
        with pytest.raises(UserError, match="pickle"):
            load_generator(weights, card)
    weights.write_bytes(whole)
    for changes, message in (
        ({"base_channels": 6}, r"another version of mangagan \(the tensor \S+ has the shape \(\d+.*\), not"),
        ({"skips": not generator.skips}, r"another version .*\(the tensor sketch\.0\.bias is (missing|unknown)"),
        ({"depth": 3}, r"this version of mangagan cannot build \(.*unexpected keyword argument 'depth'\)"),
        ({"name": "unet"}, r"this version of mangagan cannot build \(its name is 'unet'"),
        ({"image_size": 90}, r"this version of mangagan cannot build \(image size must be .*, not 90\)"),
    ):
        save_generator(generator, weights, card, {})
        describe_weights(card, weights, **changes)
        with pytest.raises(UserError, match=message) as caught:
            load_generator(weights, card)
        assert "\n" not in str(caught.value) and "Run: dvc repro train" in str(caught.value)
    card.write_text("{}")
    with pytest.raises(UserError, match="does not describe"):
        load_generator(weights, card)
    card.write_text("{")
    with pytest.raises(UserError, match="not valid JSON"):
        load_generator(weights, card)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        '{"a": 1}',
        '{"a": {"dtype": "F32", "shape": [2]}}',
        '{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}',
        '{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}',
        '{"a": {"dtype": "F32", "shape": [-1, -2], "data_offsets": [0, 8]}}',
        '{"a": {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}}',
        '{"a": {"dtype": "F16", "shape": [2], "data_offsets": [0, 8]}}',
        '{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
        '{"a": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}, '
        '"b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}',
        '{"a": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}}',
    ],
)
def test_damaged_weights_are_one_line(tmp_path: Path, generator: Generator, header: str) -> None:
    weights, card = tmp_path / "g.safetensors", tmp_path / "model.json"
    save_generator(generator, weights, card, {})
    weights.write_bytes(len(header).to_bytes(8, "little") + header.encode() + bytes(8))
    describe_weights(card, weights)
    with pytest.raises(UserError, match=r"not a safetensors file|another version of mangagan") as caught:
        load_generator(weights, card)
    assert "\n" not in str(caught.value) and "Run: dvc repro train" in str(caught.value)


BARE_MACHINE = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[2].split()))  # None: importing it fails
import importlib, pathlib, pkgutil, numpy, mangagan.gan
for module in pkgutil.iter_modules(mangagan.gan.__path__):
    importlib.import_module(f"mangagan.gan.{module.name}")
from mangagan.gan.config import TrainConfig
from mangagan.gan.run import train_resumable
from mangagan.networks.weights import load_generator, save_generator
folder = pathlib.Path(sys.argv[1])
faces = numpy.random.default_rng(0).integers(0, 256, (8, 1, 28, 28)).astype(numpy.uint8)
config = TrainConfig(kimg=0.01, snapshot_kimg=1, base_channels=4, z_dim=8, batch_size=4, device="cpu", threads=1)
run = train_resumable(faces, config, folder, print)
save_generator(run.generator, folder / "weights", folder / "card", {})
load_generator(folder / "weights", folder / "card")
"""
BLOCKED = "dvc fastapi prefect pyarrow pydantic ruamel sqlalchemy yaml"


def test_a_gpu_machine_needs_torch_and_little_else(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BARE_MACHINE, str(tmp_path), BLOCKED]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "card").exists()
