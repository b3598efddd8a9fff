"""The images of faces, read from the Parquet files on first use."""

import os
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mangagan.core.state import STATE
from mangagan.review.faces import sign_file

BATCH_ROWS = 512  # faces that are in memory at a time while a file is read


@dataclass
class Shard:
    """The faces of one Parquet file.

    Attributes:
        signature: Inode, size and time of the file when it was read; empty if it was never read.
        places: face_id → offset and length in the temporary file [bytes].
        loading: The file is being read, and faces are added to `places`.
        condition: Lock of the other attributes; notified when faces have been added.
    """

    signature: tuple[int, ...] = ()
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    loading: bool = False
    condition: threading.Condition = field(default_factory=threading.Condition)


class FaceImages:
    """The PNGs of the faces in Parquet files, for several threads.

    A Parquet file has one row group, so a single face cannot be read from it. On first use the PNGs of a file are
    copied to a temporary file without a name, so that the memory does not grow with the number of faces. They remain
    available while a stage rewrites the Parquet file.
    """

    def __init__(self, root: Path) -> None:
        """Create the temporary file.

        Args:
            root: The workspace.
        """
        folder = root / STATE
        folder.mkdir(parents=True, exist_ok=True)
        self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - open as long as this object
        self.write_lock = threading.Lock()
        self.shards: dict[Path, Shard] = {}

    def read(self, path: Path, face_id: str) -> bytes | None:
        """Return the PNG of a face in a Parquet file; None if the file is missing or damaged, or lacks the face."""
        shard = self.load(path)
        with shard.condition:
            shard.condition.wait_for(lambda: face_id in shard.places or not shard.loading)
            place = shard.places.get(face_id)
        return os.pread(self.file.fileno(), place[1], place[0]) if place else None

    def load(self, path: Path) -> Shard:
        """Start to read a Parquet file in the background if it is new or has changed."""
        shard = self.shards.setdefault(path, Shard())
        signature = sign_file(path)
        with shard.condition:
            if signature and signature != shard.signature and not shard.loading:
                shard.signature, shard.loading = signature, True
                threading.Thread(target=self._fill, args=(shard, path), daemon=True).start()
        return shard

    def _fill(self, shard: Shard, path: Path) -> None:
        """Read a Parquet file. If it is missing or damaged, keep the faces that were read before."""
        before, shard.places = shard.places, {}
        try:
            with pq.ParquetFile(path, pre_buffer=False) as file:
                for batch in file.iter_batches(BATCH_ROWS, columns=["face_id", "image.bytes"]):
                    places = self._append(batch)
                    with shard.condition:
                        shard.places |= places
                        shard.condition.notify_all()
        except (OSError, pa.ArrowException):
            shard.places = before | shard.places
        finally:
            with shard.condition:
                shard.loading = False
                shard.condition.notify_all()

    def _append(self, batch: pa.RecordBatch) -> dict[str, tuple[int, int]]:
        """Append the PNGs of some faces to the temporary file. Return the place of each face."""
        pngs = batch.column("image").field("bytes").to_pylist()
        with self.write_lock:
            offset = self.file.seek(0, os.SEEK_END)
            self.file.write(b"".join(pngs))
            self.file.flush()
        places = {}
        for face_id, png in zip(batch.column("face_id").to_pylist(), pngs, strict=True):
            places[face_id] = (offset, len(png))
            offset += len(png)
        return places
