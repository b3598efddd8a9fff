"""Metrics of the samples during training, and the weights that were measured, in the folder of the run.

`measured/<images>.safetensors` is the exported generator after so many images, `measured.json` its metrics. If the
measuring code changes, the saved generators are measured again, without training again.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load as unpack

from mangagan.core.files import sha256_bytes, sha256_file, write_bytes, write_text
from mangagan.gan.config import Settings
from mangagan.gan.state import Sampler, TrainState, export_generator, make_sampler
from mangagan.networks.dcgan import Generator
from mangagan.networks.weights import serialize

FOLDER, FILE = "measured", "measured.json"

Row = dict[str, float]


@dataclass(frozen=True)
class Measurer:
    """Measures samples.

    Attributes:
        measure: Function from kimg and a sampler to metrics by name. `kernel_distance` (lower is better) and
            `kernel_distance_sd` select the best weights.
        identity: Hash of everything that the metrics depend on, apart from the samples.
    """

    measure: Callable[[float, Sampler], Row]
    identity: str


class Measurements:
    """The measurements of one run.

    Args:
        folder: Folder of the run.
        settings: Settings of the run.
        measurer: Measures samples; None if nothing is measured.
    """

    def __init__(self, folder: Path, settings: Settings, measurer: Measurer | None) -> None:
        self.folder, self.settings, self.measurer = folder, settings, measurer
        self.entries: dict[int, Row] = {}  # by number of images shown, in ascending order
        self.hashes: dict[int, str] = {}  # of the weights files

    @property
    def rows(self) -> list[Row]:
        """The metrics with `kimg`, oldest first."""
        return list(self.entries.values())

    def add(self, state: TrainState) -> None:
        """Save the exported generator and measure it."""
        generator = export_generator(state, self.settings)
        weights = serialize(generator)
        write_bytes(self.weights_path(state.images_seen), weights)
        self.hashes[state.images_seen] = sha256_bytes(weights)
        self.entries[state.images_seen] = self.measure(generator, state.images_seen)
        self.write()

    def measure(self, generator: Generator, images_seen: int) -> Row:
        """Return the metrics of a generator, with `kimg`."""
        assert self.measurer is not None
        kimg = images_seen / 1000
        metrics = self.measurer.measure(kimg, make_sampler(generator, self.settings))
        return {"kimg": kimg, **{name: float(value) for name, value in metrics.items()}}

    def restore(self, state: TrainState, say: Callable[[str], object]) -> None:
        """Read the measurements of a resumed run, and measure the saved generators again if the identity changed.

        Measurements after `state.images_seen` are dropped: they belong to steps that are repeated.

        Args:
            state: Resumed state.
            say: Called with one line for each problem.
        """
        if self.measurer is None:
            return
        saved = self.read()
        self.hashes = {images: entry["sha256"] for images, entry in saved["rows"].items()}
        paths = self.find_weights(state.images_seen, say)
        same = saved["identity"] == self.measurer.identity
        if paths and not same:
            say(f"measuring {len(paths)} snapshots again: the measuring code, the extractors or the hold-out changed")
        for images in paths:
            if same and images in saved["rows"]:
                self.entries[images] = saved["rows"][images]["metrics"]
            else:
                self.entries[images] = self.measure(self.load(images, state), images)
        self.hashes = {images: self.hashes.get(images) or sha256_file(path) for images, path in paths.items()}
        if saved["rows"].keys() != self.entries.keys() or (paths and not same):
            self.write()

    def find_weights(self, images_seen: int, say: Callable[[str], object]) -> dict[int, Path]:
        """Return the weights files by number of images; delete those after `images_seen` and damaged ones."""
        paths = {int(path.stem): path for path in sorted((self.folder / FOLDER).glob("*.safetensors"))}
        for images, path in list(paths.items()):
            damaged = images in self.hashes and sha256_file(path) != self.hashes[images]
            if damaged:
                say(f"{path} is damaged: deleted, with its measurement")
            if damaged or images > images_seen:
                path.unlink()
                del paths[images]
        return paths

    def load(self, images_seen: int, state: TrainState) -> Generator:
        """Return the generator that was measured after so many images.

        Args:
            images_seen: Number of images.
            state: State of the run, for the architecture and the device.
        """
        generator = copy.deepcopy(state.generator if state.average is None else state.average)
        generator.load_state_dict(unpack(self.weights_path(images_seen).read_bytes()))
        return generator

    def weights_path(self, images_seen: int) -> Path:
        """Return the weights file of the generator after so many images."""
        return self.folder / FOLDER / f"{images_seen:010}.safetensors"

    def read(self) -> dict[str, Any]:
        """Return the content of `measured.json` with its rows by number of images; empty if missing or damaged."""
        try:
            saved = json.loads((self.folder / FILE).read_bytes())
            return {"identity": saved["identity"], "rows": {row["images"]: row for row in saved["rows"]}}
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return {"identity": None, "rows": {}}

    def write(self) -> None:
        """Write `measured.json`; it may contain NaN."""
        assert self.measurer is not None
        rows = [
            {"images": images, "sha256": self.hashes[images], "metrics": row} for images, row in self.entries.items()
        ]
        write_text(self.folder / FILE, json.dumps({"identity": self.measurer.identity, "rows": rows}, indent=1) + "\n")
