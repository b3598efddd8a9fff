"""`mangagan generate` and `mangagan onnx` with a generator of random weights."""

import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image, ImageSequence
from safetensors.torch import load_file, save_file

from mangagan.cli import main
from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.core.files import sha256_file, write_json
from mangagan.generation.animation import LatentWalk, interpolate_loop, write_animation
from mangagan.generation.onnx_export import write_onnx
from mangagan.generation.samples import LatentSource, iterate_images, write_grid, write_samples
from mangagan.networks.dcgan import Generator
from mangagan.networks.sampling import draw_latents, generate_images
from mangagan.networks.weights import generator_sha256, save_generator

Z_DIM = 8


def random_generator(channels: int = 1, **settings: object) -> Generator:
    """Return a generator with high contrast and BatchNorm statistics of its own latents."""
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(3)
        generator = Generator(28, channels, Z_DIM, 8, **settings)
        generator.draw.weight *= 3
        for _ in range(30):
            generator(torch.randn(64, Z_DIM))
    return generator.eval()


@pytest.fixture(scope="module")
def gray() -> Generator:
    return random_generator()


@pytest.fixture(scope="module")
def colour() -> Generator:
    return random_generator(3)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gray: Generator) -> Path:
    """Return the working directory, which holds a model."""
    monkeypatch.chdir(tmp_path)
    save_generator(gray, catalog.GENERATOR, catalog.MODEL_CARD, {})
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def pixels(image: Image.Image, mode: str) -> np.ndarray:
    return np.asarray(image.convert(mode))


def test_latents_in_batches_are_those_drawn_at_once() -> None:
    for count in (1, 64, 200):
        assert torch.equal(torch.cat(list(LatentSource(5).iterate_batches(count, 7))), draw_latents(count, 7, 5))
    assert max(len(z) for z in LatentSource(5).iterate_batches(200, 7)) == 64
    given = torch.arange(300.0).view(100, 3)
    assert torch.equal(
        torch.cat(list(LatentSource(truncation=0.5, given=given).iterate_batches(90, 3))), given[:90] / 2
    )


def test_images_depend_on_seed_and_index_alone_and_say_so(tmp_path: Path, gray: Generator) -> None:
    write_samples(tmp_path / "many", gray, LatentSource(4), 70)
    write_samples(tmp_path / "few", gray, LatentSource(4), 3)
    assert files(tmp_path / "many") == [f"{index:06}.png" for index in range(70)]
    for path in (tmp_path / "few").iterdir():
        assert path.read_bytes() == (tmp_path / "many" / path.name).read_bytes()
    image = Image.open(tmp_path / "many" / "000069.png")
    assert (image.mode, image.size) == ("L", (28, 28))
    assert image.info == {"model": generator_sha256(gray), "seed": "4", "truncation": "1", "index": "69"}
    assert np.array_equal(pixels(image, "L"), generate_images(gray, draw_latents(70, Z_DIM, 4))[69, 0])
    assert np.array_equal(np.stack(list(iterate_images(gray, LatentSource(4), 70)))[69, 0], pixels(image, "L"))


def test_a_failure_leaves_neither_some_of_the_images_nor_their_folder(
    tmp_path: Path, gray: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter([generate_images(gray, draw_latents(64, Z_DIM, 0))])
    monkeypatch.setattr("mangagan.generation.samples.generate_images", lambda *_: next(drawn))
    with pytest.raises(RuntimeError):
        write_samples(tmp_path / "new", gray, LatentSource(), 100)
    assert not list(tmp_path.iterdir())


def test_a_link_to_an_empty_folder_stays_a_link(tmp_path: Path, gray: Generator) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write_samples(tmp_path / "link", gray, LatentSource(), 1)
    assert (tmp_path / "link").is_symlink()
    assert files(tmp_path / "real") == ["000000.png"]


def test_truncation_draws_the_same_faces_closer_to_the_mean(gray: Generator) -> None:
    drawn = {
        psi: np.concatenate([generate_images(gray, z) for z in LatentSource(1, psi).iterate_batches(32, Z_DIM)]).astype(
            float
        )
        for psi in (1.0, 0.7, 0.0)
    }
    spread = {psi: images.std(axis=0).mean() for psi, images in drawn.items()}
    assert spread[1.0] > 1.15 * spread[0.7] > 0
    assert spread[0.0] == 0
    # Each face still resembles itself most.
    full, mild = ((drawn[psi] - drawn[psi].mean(axis=0)).reshape(32, -1) for psi in (1.0, 0.7))
    assert np.array_equal((full @ mild.T).argmax(axis=0), np.arange(32))
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(UserError, match="truncation must be between 0 and 1"):
            LatentSource(truncation=wrong)


def test_grid_holds_the_images_in_rows(tmp_path: Path, colour: Generator) -> None:
    write_grid(tmp_path / "grid.png", colour, LatentSource(2, 0.8), 5, 3)
    sheet = Image.open(tmp_path / "grid.png")
    assert (sheet.mode, sheet.size) == ("RGB", (3 * 30 - 2, 2 * 30 - 2))
    assert sheet.info == {
        "model": generator_sha256(colour), "seed": "2", "truncation": "0.8", "count": "5", "columns": "3",
    }  # fmt: skip
    fifth = generate_images(colour, draw_latents(5, Z_DIM, 2) * 0.8)[4]
    assert np.array_equal(pixels(sheet, "RGB")[30:58, 30:58], fifth.transpose(1, 2, 0))
    write_grid(tmp_path / "grid.png", colour, LatentSource(), 10)
    assert Image.open(tmp_path / "grid.png").info["columns"] == "4"
    write_grid(tmp_path / "grid.png", colour, LatentSource(), 2, 50)
    assert Image.open(tmp_path / "grid.png").size == (58, 28)
    with pytest.raises(UserError, match=r"at most 102040 images of 28 px, not 102041"):
        write_grid(tmp_path / "huge.png", colour, LatentSource(), 102041)


@pytest.mark.parametrize(("keys", "frames"), [(3, 24), (4, 10), (2, 2)])
def test_a_walk_is_closed_and_visits_its_latents(keys: int, frames: int) -> None:
    z = draw_latents(keys, 50, 0)
    walk = interpolate_loop(z, frames)
    assert walk.shape == (frames, 50)
    if frames % keys == 0:
        assert torch.allclose(walk[:: frames // keys], z, atol=1e-5)
    steps = (walk.roll(-1, 0) - walk).norm(dim=1)
    assert steps.max() < 2.5 * keys / frames * 50**0.5, "no jump, not at the seam either"


def test_animations_hold_the_frames(tmp_path: Path, gray: Generator, colour: Generator) -> None:
    walk = LatentWalk(frames=12, keyframes=3, fps=30)
    for generator, mode in ((gray, "L"), (colour, "RGB")):
        expected = (
            generate_images(generator, interpolate_loop(draw_latents(3, Z_DIM, 7), 12)).transpose(0, 2, 3, 1).squeeze()
        )
        for name, pause, exact in (("walk.gif", 30, mode == "L"), ("walk.WebP", 33, True)):
            write_animation(tmp_path / name, generator, LatentSource(7), walk)
            image = Image.open(tmp_path / name)
            about = image.info["comment"].decode() if exact and name == "walk.gif" else str(image.info)
            shown = np.stack([pixels(frame, mode) for frame in ImageSequence.Iterator(image)])
            assert image.info["loop"] == 0
            assert image.info["duration"] == pause
            assert generator_sha256(generator) in about and "seed=7 truncation=1 keyframes=3" in about
            difference = np.abs(shown.astype(float) - expected)
            assert difference.max() == 0 if exact else difference.mean() < 12, "256 colours for each frame"


def test_animations_that_cannot_be_are_refused(tmp_path: Path, gray: Generator) -> None:
    for wrong in ({"frames": 5, "keyframes": 6}, {"keyframes": 1}, {"fps": 51}, {"fps": 0}):
        with pytest.raises(UserError, match=r"at least 2 keyframes|fps must be between"):
            LatentWalk(**wrong)
    with pytest.raises(UserError, match=r"must end in \.gif or \.webp"):
        write_animation(tmp_path / "walk.mp4", gray, LatentSource(), LatentWalk())
    with pytest.raises(UserError, match="at most 63775 frames"):
        write_animation(tmp_path / "walk.gif", gray, LatentSource(), LatentWalk(frames=63776))
    assert not list(tmp_path.iterdir())


def test_still_walks_are_no_error(tmp_path: Path, gray: Generator) -> None:
    for name in ("still.gif", "still.webp"):
        write_animation(tmp_path / name, gray, LatentSource(truncation=0), LatentWalk(frames=4, keyframes=2))
        assert np.array_equal(
            pixels(Image.open(tmp_path / name), "L"), generate_images(gray, torch.zeros(1, Z_DIM))[0, 0]
        )


@pytest.mark.filterwarnings("error::torch.jit.TracerWarning")  # of what a trace would make constant
@pytest.mark.parametrize(
    "settings", [{}, {"channels": 3, "latent": "uniform"}, {"norm": "pixel"}, {"norm": "none", "kernel": 5}]
)
def test_onnx_draws_what_the_generator_draws(tmp_path: Path, settings: dict[str, object]) -> None:
    generator = random_generator(**settings)
    path = tmp_path / "generator.onnx"
    write_onnx(path, generator)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    assert [(value.name, value.type, value.shape) for value in (*session.get_inputs(), *session.get_outputs())] == [
        ("z", "tensor(float)", ["n", Z_DIM]),
        ("images", "tensor(uint8)", ["n", generator.channels, 28, 28]),
    ]
    for count in (1, 3, 100):
        z = draw_latents(count, Z_DIM, 11)
        (images,) = session.run(None, {"z": z.numpy()})
        expected = generate_images(generator, z)
        assert images.dtype == np.uint8 and images.shape == expected.shape
        difference = np.abs(images.astype(int) - expected)
        assert difference.max() <= 1 and (difference > 0).mean() < 0.001, "but for rounding"
    assert expected.std(axis=0).mean() > 10, "images that are all alike would prove little"
    assert session.get_modelmeta().custom_metadata_map == {
        "model_sha256": generator_sha256(generator), "latent": "N(0, 1)", "z_dim": str(Z_DIM), "image_size": "28",
        "channels": str(generator.channels),
    }  # fmt: skip
    again = tmp_path / "again.onnx"
    write_onnx(again, generator)
    assert again.read_bytes() == path.read_bytes()
    assert onnx.load(path).doc_string == "z of N(0, 1) to images, uint8, 0 black to 255 white, gray or RGB"


def test_onnx_without_its_package_or_into_another_kind_of_file(
    tmp_path: Path, gray: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"must end in \.onnx"):
        write_onnx(tmp_path / "generator.safetensors", gray)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match=r"pip install 'mangagan\[onnx\]'"):
        write_onnx(tmp_path / "generator.onnx", gray)
    assert not list(tmp_path.iterdir())


def test_commands_write_what_they_say(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("z.npy", draw_latents(5, Z_DIM, 9).numpy())
    for command, said in {
        "generate --out default": "64 faces in default",
        "generate --count 5 --seed 9 --out seeded": "5 faces in seeded",
        "generate --z z.npy --out given": "5 faces in given",
        "generate --count 6 --grid 3 --truncation 0.7 --out grids/g.png": "6 faces in grids/g.png",
        "generate --grid --out g.png": "64 faces in g.png",
        "generate --interpolate w.gif --frames 10 --keyframes 2 --fps 10": "10 frames in w.gif",
        "generate --interpolate w.webp --frames 7 --z z.npy": "7 frames in w.webp",
        "onnx g.onnx": "the generator in g.onnx",
    }.items():
        assert main(command.split()) == 0, command
        assert capsys.readouterr().out == f"{said}\n"
    model = json.loads(catalog.MODEL_CARD.read_text())["weights_sha256"]
    seeded, given = (Image.open(f"{folder}/000004.png") for folder in ("seeded", "given"))
    assert np.array_equal(pixels(seeded, "L"), pixels(given, "L"))
    sha256 = hashlib.sha256(Path("z.npy").read_bytes()).hexdigest()
    assert given.info == {"model": model, "z_sha256": sha256, "truncation": "1", "index": "4"}
    assert Image.open("g.png").info["columns"] == "8"
    assert (Image.open("w.gif").n_frames, Image.open("w.webp").n_frames) == (10, 7)
    assert not [name for name in files(workspace) if "tmp" in name]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("generate --out models", "models is not an empty folder. Choose another one"),
        ("generate --out z.csv", "z.csv is not an empty folder"),
        ("generate --out new.png", "--out new.png is a file name, .* Add --grid"),
        ("generate --out new.WebP --count 3", "--out new.WebP is a file name, .* Add --grid"),
        ("generate --out new --seed -1", "seed must be at least 0"),
        ("generate --out new --truncation 2", "truncation must be between 0 and 1"),
        ("generate --out new --frames 9", "--frames cannot be used with --out"),
        ("generate --out new --grid", r"--out new must end in \.png"),
        ("generate --out new --z no.csv", "cannot read no.csv: no such file"),
        ("generate --out new --z z.csv", r"z\.csv holds an array of shape \(1, 3\)"),
        ("generate --out new --z z.csv --count 1", "--count cannot be used with --z"),
        ("generate --interpolate new.gif --count 3", "--count cannot be used with --interpolate"),
        ("generate --interpolate new.gif --grid 3", "--grid cannot be used with --interpolate"),
        ("generate --interpolate new.gif --fps 90", "fps must be between 1 and 50"),
        ("generate --interpolate new.png", r"must end in \.gif or \.webp"),
        ("generate --interpolate models/model.json/new.gif", "cannot write|not a directory"),
        ("onnx new", r"must end in \.onnx"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    workspace: Path, capsys: pytest.CaptureFixture[str], command: str, message: str
) -> None:
    (workspace / "z.csv").write_text("1,2,3")
    before = files(workspace)
    assert main(command.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("mangagan: ") and error.count("\n") == 1
    assert re.search(message, error), error
    assert files(workspace) == before
    assert not (workspace / "new").exists()


def test_without_a_model_the_line_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = ("generate --out new", "generate --interpolate new.gif", "onnx new.onnx")
    for command in commands:
        assert main(command.split()) == 2
        assert "Change to a workspace, or give a generator with --model" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    catalog.PARAMS.touch()  # a workspace
    for command in commands:
        assert main(command.split()) == 2
        assert "models/model.json not found. Run: dvc repro train" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_a_generator_of_another_workspace_is_used(
    workspace: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["generate", "--count", "3", "--out", "new"]) == 0
    model = workspace / catalog.GENERATOR
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert main(["generate", "--count", "3", "--out", "new", "--model", str(model)]) == 0
    for name in files(workspace / "new"):
        assert (Path("new") / name).read_bytes() == (workspace / "new" / name).read_bytes()
    model.with_name("model.json").unlink()
    assert main(["generate", "--count", "3", "--out", "again", "--model", str(model)]) == 2


@pytest.mark.parametrize("model", [".", "models/"])
def test_a_folder_is_no_model(workspace: Path, capsys: pytest.CaptureFixture[str], model: str) -> None:
    assert main(["generate", "--out", "new", "--model", model]) == 2
    assert capsys.readouterr().err.startswith(f"mangagan: {Path(model)} is not a file. --model needs")


def test_a_model_of_another_version_is_one_line(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensors = load_file(catalog.GENERATOR)
    tensors["project.weights"] = tensors.pop("project.weight")
    save_file(tensors, catalog.GENERATOR)
    card = json.loads(catalog.MODEL_CARD.read_text())
    write_json(catalog.MODEL_CARD, {**card, "weights_sha256": sha256_file(catalog.GENERATOR)})
    for command in ("generate --out new", "onnx new.onnx"):
        assert main(command.split()) == 2
        assert capsys.readouterr().err == (
            "mangagan: models/generator.safetensors was written by another version of mangagan (the tensor"
            " project.weight is missing). Use that version, or train the model again. Run: dvc repro train\n"
        )
    assert not (workspace / "new").exists()
