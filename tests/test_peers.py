"""The comparison of GANs: its files, skipped peers, errors, and the networks of FastGAN and of the plain DCGAN."""

import copy
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import face_sets, fastgan, peers, plain_dcgan, recipe_tables
from benchmarks.face_sets import FaceSet
from tests.test_metrics import draw_faces

TINY = ["--minutes", "0.002", "--base-channels", "2", "--samples", "20"]


@pytest.fixture
def faces_file(tmp_path: Path) -> Path:
    """Return a file with 24 drawn training faces and 20 hold-out faces."""
    path = tmp_path / "faces.npz"
    np.savez(path, train=draw_faces(24, 1), holdout=draw_faces(20, 2))
    return path


def measure_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the benchmark measure the first snapshot only and use its metrics for all: a measurement takes seconds."""
    found: list[dict[str, Any]] = []
    measure = peers.measure

    def measure_first(*arguments: Any) -> dict[str, Any]:
        if not found:
            found.append(measure(*arguments))
        return found[0]

    monkeypatch.setattr(peers, "measure", measure_first)


def kill_process(*_: object) -> None:
    """End the process as if it was killed."""
    os._exit(1)


def test_all_peers_are_trained_compared_and_skipped_when_run_again(
    faces_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measure_once(monkeypatch)
    out = tmp_path / "out"
    options = ["--faces", str(faces_file), "--out", str(out), *TINY]
    with monkeypatch.context() as inline:
        inline.setattr(peers, "die_with_parent", lambda: None)
        # a new process takes seconds to import torch
        inline.setattr(peers, "ProcessPoolExecutor", lambda *_: ThreadPoolExecutor(1))
        assert peers.main([*options, "--peers", "fastgan,classic"]) == 0
    assert list(json.loads(capsys.readouterr().out)["peers"]) == ["fastgan", "classic"]
    assert peers.main(options) == 0
    report = json.loads(capsys.readouterr().out)
    assert tuple(report["peers"]) == peers.PEERS
    for name, peer in report["peers"].items():
        assert peer["failed"] == ""
        assert [snapshot["minutes"] for snapshot in peer["snapshots"]] == [0.0005, 0.001, 0.002]
        kimg = [snapshot["kimg"] for snapshot in peer["snapshots"]]
        assert kimg == sorted(kimg) and kimg[0] > 0
        for snapshot in peer["snapshots"]:
            assert snapshot["cpu_minutes"] >= snapshot["minutes"]
            samples = np.load(out / name / snapshot["file"])
            assert samples.shape == (20, 1, 112, 112) and samples.dtype == np.uint8
            assert snapshot["figures"].keys() == peers.COLUMNS.keys()
            assert snapshot["figures"]["swd.value"] > snapshot["floor"]["swd.value"] > 0
            assert snapshot["verdict"] in ("collapsed", "undertrained")
    table = (out / "table.md").read_text().splitlines()
    assert len(table) == 3 + 3 * len(peers.PEERS)
    assert len({line.count("|") for line in table}) == 1
    assert [line.split(",")[0] for line in table[3::3]] == [f"| {name}" for name in peers.PEERS]
    strip = recipe_tables.make_strip(draw_faces(20, 2))
    height = (1 + len(peers.PEERS)) * (strip.shape[0] + recipe_tables.CAPTION)
    assert recipe_tables.read_strip(out / "grids.png").shape == (height, strip.shape[1], 3)

    contents = {path: path.read_bytes() for path in out.glob("*/*")}
    assert peers.main(options) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == report
    assert not printed.err
    assert {path: path.read_bytes() for path in out.glob("*/*")} == contents

    assert peers.main([*options, "--seed", "1"]) == 2
    assert "another value of seed" in capsys.readouterr().err


def test_a_face_set_is_accepted_as_folder_and_as_file(tmp_path: Path) -> None:
    images = draw_faces(50, 1)
    part = np.arange(50) % 2
    pages = np.array([f"page {number}" for number in range(50)])
    face_sets.save(tmp_path, FaceSet("drawn", images, pages, np.ones(50, bool), part, 1))
    for more in (["--sets", str(tmp_path), "--set", "drawn"], ["--sets", str(tmp_path / "drawn.npz")]):
        train, holdout = peers.load_faces(peers.parse([*more, "--out", "out"]))
        assert np.array_equal(train, images[1::2])
        assert np.array_equal(holdout, images[::2])


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (["--peers", "modern,stylegan"], "Choose from modern, classic, plain, fastgan"),
        (["--minutes", "nan"], "Choose a number above 0"),
        (["--samples", "5"], "at least 20"),
        (["--faces", "nowhere.npz"], "nowhere.npz"),
        (["--sets", "nowhere", "--faces", ""], "arrays train and holdout"),
    ],
)
def test_invalid_options_print_one_line(
    faces_file: Path, capsys: pytest.CaptureFixture[str], more: list[str], reason: str
) -> None:
    assert peers.main(["--faces", str(faces_file), "--out", "out", *TINY, *more]) == 2
    printed = capsys.readouterr()
    assert reason in printed.err
    assert printed.err.count("\n") == 1
    assert not printed.out


def test_a_missing_face_set_and_wrong_arrays_print_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert peers.main(["--sets", str(tmp_path), "--out", "out"]) == 2
    assert "Run: python -m benchmarks.face_sets" in capsys.readouterr().err
    for name, arrays in {
        "other": {"train": draw_faces(20, 1)},
        "float": {"train": draw_faces(20, 1) / 255, "holdout": draw_faces(20, 2) / 255},
        "small": {"train": draw_faces(20, 1, 56), "holdout": draw_faces(20, 2, 56)},
        "mixed": {"train": draw_faces(20, 1), "holdout": draw_faces(20, 2, channels=3)},
    }.items():
        path = tmp_path / f"{name}.npz"
        np.savez(path, **arrays)
        assert peers.main(["--faces", str(path), "--out", "out"]) == 2
        printed = capsys.readouterr().err
        assert f"{name}.npz" in printed and printed.count("\n") == 1


def test_the_time_of_sampling_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = np.zeros(2)
    monkeypatch.setattr(peers, "read_clocks", lambda: now.copy())
    recorder = peers.Recorder("plain", peers.Options(4.0, 2, 0, 3, ""), tmp_path)

    def sample(count: int) -> np.ndarray:
        now[:] += 100
        return np.zeros((count, 1, 2, 2), np.uint8)

    ended = []
    for images_seen in range(0, 72, 8):  # each step takes half a minute of CPU time and a minute of wall time
        ended.append(recorder.observe(images_seen, sample))
        now += (0.5, 1.0)
    assert ended == [False] * 8 + [True]
    found = [(each["minutes"], each["cpu_minutes"], each["wall_minutes"], each["kimg"]) for each in recorder.snapshots]
    assert found == [(1, 1, 2, 0.016), (2, 2, 4, 0.032), (4, 4, 8, 0.064)]


def test_divergence_fails_a_peer_only_before_its_last_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(faces: np.ndarray, width: int, observe: plain_dcgan.Observe) -> None:
        while len(list(tmp_path.glob("*.npy"))) < count:
            observe(3000, lambda number: faces[:number])
        plain_dcgan.check_losses(3000, torch.tensor(1.0), torch.tensor(float("nan")))

    monkeypatch.setitem(peers.OTHER_LOOPS, "plain", diverge)
    monkeypatch.setattr(peers, "die_with_parent", lambda: None)
    for count, failed in ((0, "training diverged (NaN) after 3.0 kimg"), (3, "")):
        peers.train_in_child("plain", draw_faces(2, 1), peers.Options(0.001, 2, 0, 20, ""), tmp_path)
        record = json.loads((tmp_path / "training.json").read_text())
        assert (record["failed"], len(record["snapshots"])) == (failed, count)
    table = peers.format_table({"plain": {"failed": "NaN", "snapshots": []}})
    assert "| plain: NaN |" in table
    assert len({line.count("|") for line in table.splitlines()}) == 1


def test_a_nan_in_a_recipe_is_found_before_the_next_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers.loop, "train_step", lambda state, *_: state.sums + float("nan"))
    with pytest.raises(peers.loop.DivergedError):
        peers.train_recipe("classic", draw_faces(2, 1), peers.Options(1, 2, 0, 20, ""), lambda seen, _: seen > 2)


@pytest.mark.parametrize(("kills", "reason"), [(True, "was killed"), (False, "cannot write")])
def test_a_failed_process_prints_one_line(
    faces_file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], kills: bool, reason: str
) -> None:
    if kills:
        monkeypatch.setattr(peers, "train_in_child", kill_process)
    else:
        (faces_file.parent / "plain").write_text("a file in the place of the folder")
    assert peers.main(["--faces", str(faces_file), "--out", str(faces_file.parent), *TINY, "--peers", "plain"]) == 2
    printed = capfd.readouterr().err
    assert reason in printed and "plain" in printed and printed.count("\n") == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_fastgan_generates_images_and_patch_logits(channels: int) -> None:
    torch.manual_seed(0)
    generator, discriminator = fastgan.Generator(channels, 2), fastgan.Discriminator(channels, 2)
    images = generator(torch.randn(2, fastgan.Z_DIM))
    assert images.shape == (2, channels, 112, 112)
    assert images.abs().max() <= 1
    logits, at_14, at_7 = discriminator(images)
    assert logits.shape == (2, 1, 4, 4)
    assert at_14.shape == (2, 8, 14, 14)
    assert at_7.shape == (2, 16, 7, 7)
    assert discriminator.decode_whole(at_7).shape == (2, channels, 56, 56)
    assert discriminator.decode_part(at_14[:, :, 3:10, 7:]).shape == (2, channels, 56, 56)


def test_skip_layer_excitation_scales_each_map_by_one_factor_in_0_to_1() -> None:
    torch.manual_seed(0)
    excite = fastgan.SkipLayerExcitation(4, 3)
    high = torch.rand(2, 3, 56, 56) + 1
    factors = excite(torch.randn(2, 4, 7, 7) * 100, high) / high
    assert factors.amin() > 0 and factors.amax() < 1
    assert torch.allclose(factors, factors[:, :, :1, :1].expand_as(factors))
    assert factors[0, 0, 0, 0] != factors[1, 0, 0, 0]


def test_known_losses() -> None:
    assert fastgan.hinge_loss(torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.0])).item() == pytest.approx(0.75)
    images = torch.rand(2, 1, 56, 56)
    assert fastgan.reconstruction_loss(images, images).item() == 0
    assert fastgan.reconstruction_loss(images + 0.5, images).item() == pytest.approx(1.0)  # both terms are 0.5
    stripes = torch.ones(56).cumsum(0) % 2 - 0.5  # blurred to 0
    assert fastgan.reconstruction_loss(images + stripes, images).item() == pytest.approx(0.5, abs=1e-5)


def test_the_part_is_cut_where_the_features_are_cropped(monkeypatch: pytest.MonkeyPatch) -> None:
    discriminator = fastgan.Discriminator(1, 2)
    images, at_14, at_7 = torch.rand(1, 1, 112, 112), torch.rand(1, 8, 14, 14), torch.rand(1, 16, 7, 7)
    cuts: list[torch.Tensor] = []
    monkeypatch.setattr(torch, "randint", lambda high, size: torch.tensor([2, high - 1]))
    monkeypatch.setattr(fastgan, "reconstruction_loss", lambda _, target: cuts.append(target) or target.mean())
    discriminator.measure_reconstruction(images, at_14, at_7)
    whole, part = cuts
    assert torch.equal(part, images[:, :, 16:72, 56:])
    assert torch.allclose(whole, torch.nn.functional.avg_pool2d(images, 2))


def test_fastgan_learns_to_reconstruct_faces() -> None:
    torch.manual_seed(0)
    trainer = fastgan.Trainer(1, 2)
    batch = torch.from_numpy(draw_faces(8, 1)).float() / 127.5 - 1

    @torch.no_grad()
    def measure_loss() -> float:
        torch.manual_seed(1)  # the same part
        network = trainer.discriminator
        return network.measure_reconstruction(batch, *network(batch)[1:]).item()

    first = measure_loss()
    for _ in range(20):
        trainer.step(batch)
    assert measure_loss() < 0.9 * first
    samples = trainer.generate_samples(5)
    assert samples.shape == (5, 1, 112, 112) and samples.std() > 1


def test_fastgan_averages_the_weights_of_the_steps() -> None:
    torch.manual_seed(0)
    trainer = fastgan.Trainer(1, 2)
    steps = [copy.deepcopy(trainer.generator)]
    for _ in range(3):
        trainer.step(torch.zeros(2, 1, 112, 112))
        steps.append(copy.deepcopy(trainer.generator))
    # The steps keep 1/11, 2/12 and 3/13 of the average.
    shares = (1 / 11 * 2 / 12 * 3 / 13, 10 / 11 * 2 / 12 * 3 / 13, 10 / 12 * 3 / 13, 10 / 13)
    for average, *weights in zip(trainer.average.parameters(), *(step.parameters() for step in steps), strict=True):
        expected = sum(share * weight for share, weight in zip(shares, weights, strict=True))
        assert torch.allclose(average, expected, atol=1e-7)


def test_sampling_does_not_change_the_networks() -> None:
    trainer, generator = fastgan.Trainer(1, 2), plain_dcgan.build_generator(1, 2)
    networks = (trainer.generator, trainer.average, trainer.discriminator, generator)
    before = [copy.deepcopy(network.state_dict()) for network in networks]
    random_states = trainer.rng.get_state(), torch.get_rng_state()
    trainer.generate_samples(3)
    plain_dcgan.generate_samples(generator, 3)
    assert all(map(torch.equal, random_states, (trainer.rng.get_state(), torch.get_rng_state())))
    for network, state in zip(networks, before, strict=True):
        assert network.training and all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def test_fastgan_mirrors_half_of_the_real_images() -> None:
    images = torch.rand(400, 1, 2, 3)
    mirrored = fastgan.mirror_randomly(images, torch.Generator().manual_seed(0))
    same, flipped = ((mirrored == each).all(dim=(1, 2, 3)) for each in (images, images.flip(3)))
    assert torch.equal(same, ~flipped)
    assert 160 < same.sum() < 240


def test_batches_are_shuffled_epochs_without_the_incomplete_batch() -> None:
    faces = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    batches = plain_dcgan.iterate_batches(faces, 4)
    epoch = torch.cat([next(batches), next(batches)]).flatten()
    assert len(epoch.unique()) == 8
    assert set(((epoch + 1) * 127.5).round().int().tolist()) <= set(range(10))
    assert next(plain_dcgan.iterate_batches(faces, 64)).shape == (10, 1, 1, 1)
