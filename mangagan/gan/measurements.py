"""Metrics of the samples during training, and the weights that were measured, in the folder of the run.

`measured/<images>.safetensors` is the exported generator after <images> images, `measured.json` has its metrics. If the
measuring code changes, the saved generators are measured again, without training again.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
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
        identity: Hash of everything that determines the metrics, apart from the samples.
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

        Measurements after `state.images_seen` are dropped: they belong to steps that are repeated. Each new measurement
        is saved at once, so that an interrupted process does not repeat it.

        Args:
            state: Resumed state.
            say: Called with one line for each problem.
        """
        if self.measurer is None:
            return
        saved = self.read()
        rows = saved["rows"]
        self.hashes = {images: row["sha256"] for images, row in rows.items()}
        paths = self.find_weights(state, say)
        same = saved["identity"] == self.measurer.identity
        measured = {images for images in paths if same and images in rows and rows[images]["metrics"] is not None}
        self.entries = {images: rows[images]["metrics"] for images in paths if images in measured}
        self.hashes = {images: self.hashes.get(images) or sha256_file(path) for images, path in paths.items()}
        pending = [images for images in paths if images not in measured]
        if pending:
            changed = "the metrics, the extractors or the hold-out set changed"
            reason = f"again: {changed}" if not same else "that an interrupted run did not measure"
            say(f"measuring {len(pending)} snapshots {reason}")
        elif rows.keys() != paths.keys():
            self.write()
        for images in pending:
            self.entries[images] = self.measure(self.load(images, state), images)
            self.write()
        self.entries = dict(sorted(self.entries.items()))

    def find_weights(self, state: TrainState, say: Callable[[str], object]) -> dict[int, Path]:
        """Return the weights files by number of images; delete those after `state.images_seen` and damaged ones."""
        paths = {int(path.stem): path for path in sorted((self.folder / FOLDER).glob("*.safetensors"))}
        for images, path in list(paths.items()):
            damaged = self.is_damaged(images, state)
            if damaged:
                say(f"{path} is damaged: deleted it and its measurement")
            if damaged or images > state.images_seen:
                path.unlink()
                del paths[images]
        return paths

    def is_damaged(self, images_seen: int, state: TrainState) -> bool:
        """Return True if a weights file does not have its hash or, if it has none, cannot be loaded."""
        if images_seen in self.hashes:
            return sha256_file(self.weights_path(images_seen)) != self.hashes[images_seen]
        try:
            self.load(images_seen, state)
        except (SafetensorError, RuntimeError):  # RuntimeError: other tensors than the generator has
            return True
        return False

    def load(self, images_seen: int, state: TrainState) -> Generator:
        """Return the generator that was measured after `images_seen` images.

        Args:
            images_seen: Number of images.
            state: State of the run, for the architecture and the device.
        """
        generator = copy.deepcopy(state.generator if state.average is None else state.average)
        generator.load_state_dict(unpack(self.weights_path(images_seen).read_bytes()))
        return generator

    def weights_path(self, images_seen: int) -> Path:
        """Return the weights file of the generator after `images_seen` images."""
        return self.folder / FOLDER / f"{images_seen:010}.safetensors"

    def read(self) -> dict[str, Any]:
        """Return the content of `measured.json` with its rows by number of images; empty if missing or damaged."""
        try:
            saved = json.loads((self.folder / FILE).read_bytes())
            rows = {row["images"]: {name: row[name] for name in ("sha256", "metrics")} for row in saved["rows"]}
            return {"identity": saved["identity"], "rows": rows}
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return {"identity": None, "rows": {}}

    def write(self) -> None:
        """Write `measured.json`; it may contain NaN. The metrics of a generator that is to be measured are null."""
        assert self.measurer is not None
        rows = [
            {"images": images, "sha256": sha256, "metrics": self.entries.get(images)}
            for images, sha256 in sorted(self.hashes.items())
        ]
        write_text(self.folder / FILE, json.dumps({"identity": self.measurer.identity, "rows": rows}, indent=1) + "\n")
