"""Images of faces in Parquet files. They are read in row groups, so that only some of them are in memory."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

MAX_RECENT = 8  # row groups in memory


class FaceShards:
    """The faces of several files of `faces.table.write_faces`, numbered from 0 over all files.

    Args:
        paths: The files, in order. They exist and are not damaged.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.groups: list[tuple[Path, int]] = []
        counts = []
        for path in paths:
            metadata = pq.read_metadata(path)
            for group in range(metadata.num_row_groups):
                self.groups.append((path, group))
                counts.append(metadata.row_group(group).num_rows)
        self.ends = list(accumulate(counts))
        self.recent: OrderedDict[int, list[bytes]] = OrderedDict()

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def load(self, indices: Sequence[int]) -> list[bytes]:
        """Return the PNGs of some faces. Fast for indices that are close to one another."""
        pngs: dict[int, bytes] = {}
        first, end, content = 0, 0, list[bytes]()
        for index in sorted(set(indices)):
            if index >= end:
                group = bisect_right(self.ends, index)
                content, end = self._read_group(group), self.ends[group]
                first = end - len(content)
            pngs[index] = content[index - first]
        return [pngs[index] for index in indices]

    def load_rows(self, rows: pd.DataFrame) -> list[bytes]:
        """Return the PNGs of rows of a table whose index is the number of each face."""
        return self.load(rows.index.tolist())

    def _read_group(self, group: int) -> list[bytes]:
        """Return the PNGs of a row group; the last ones are kept in memory."""
        if group not in self.recent:
            path, number = self.groups[group]
            with pq.ParquetFile(path, pre_buffer=False) as file:
                images = file.read_row_group(number, columns=["image"]).column("image").combine_chunks()
            self.recent[group] = images.field("bytes").to_pylist()
            if len(self.recent) > MAX_RECENT:
                self.recent.popitem(last=False)
        self.recent.move_to_end(group)
        return self.recent[group]
