"""A small workspace for `mangagan review`, written without running the pipeline, and a client of the server."""

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mangagan.core import catalog
from mangagan.core.images import encode_png
from mangagan.dataset.manifest import write_manifest
from mangagan.faces.table import write_faces
from mangagan.pages.archive import write_cbz
from mangagan.pages.table import write_pages
from tests.dvc_workspace import environment

FACES_PER_TITLE = 48
TITLES = ("alpha", "beta")
PAGE_SHAPE = (2400, 1600)  # height and width [px]; larger than the picture of a page
IMPORTED_SOURCE = "crops/hero.png"


def face_name(title: str, number: int) -> str:
    return f"{title}-{number:03d}"


def make_review_workspace(root: Path) -> Path:
    """Write pages, faces, manifest and params.yaml.

    Of each title: face 0 is the best of faces 1 and 2, face 3 has the mirror image 4, face 5 was dropped by a gate,
    and the others are kept. `gamma` has one imported face.
    """
    rng = np.random.default_rng(0)
    titles = [make_title(root, title, rng) for title in TITLES]
    imported = make_imported(root, rng)
    write_pages(root / catalog.PAGES_TABLE, pd.DataFrame([row for pages, _ in titles for row in pages]))
    write_manifest(root / catalog.MANIFEST, pd.concat([*(rows for _, rows in titles), imported]))
    (root / catalog.PARAMS).write_text("dedup: {}\n")
    return root


def make_title(root: Path, title: str, rng: np.random.Generator) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Write the page and the faces of a title. Return the rows of the table of pages and of the manifest."""
    page = rng.integers(200, 256, PAGE_SHAPE, np.uint8)
    write_cbz(root / catalog.PAGES_DIR / f"{title}.cbz", [("0001.png", encode_png(page))])
    page_id = f"page-{title}"
    row = {"page_id": page_id, "title": title, "page_number": 1, "entry": "0001.png", "left": 0, "top": 0,
           "width": PAGE_SHAPE[1], "height": PAGE_SHAPE[0], "is_gray": True, "source": f"{title}/1.png",
           "sources": [f"{title}/1.png"], "change": "", "reason": ""}  # fmt: skip
    rows = make_rows([face_name(title, number) for number in range(FACES_PER_TITLE)], title, page_id, f"{title}/1.png")
    best, mirrored = face_name(title, 0), face_name(title, 3)
    for number, similarity in ((1, 0.9), (2, 0.55)):
        rows.loc[number, ["kept", "drop_reason", "split"]] = [False, "duplicate", ""]
        rows.loc[number, ["duplicate_of", "cluster_id"]] = best
        rows.loc[number, "similarity"] = similarity
    rows.loc[4, "mirror_of"] = mirrored
    rows.loc[4, "similarity"] = 0.8
    rows.loc[5, ["kept", "drop_reason", "split"]] = [False, "too small", ""]
    write_images(root / catalog.FACES_DIR / f"{title}.parquet", rows, rng)
    return [row], rows


def make_rows(ids: list[str], title: str, page_id: str, source: str) -> pd.DataFrame:
    """Return kept rows of the manifest, with boxes that do not overlap and get smaller."""
    numbers = np.arange(len(ids))
    constant = {"title": title, "page_id": page_id, "source": source, "page_number": 1, "page_width": PAGE_SHAPE[1],
                "page_height": PAGE_SHAPE[0], "score": 0.9, "usable": np.nan, "detector": "mangaface",
                "detector_version": "1", "crop_margin": 0.3, "pad_fraction": 0.0, "upscale": 1.0, "contrast": 60.0,
                "is_gray": True, "phash": "0" * 16, "duplicate_of": "", "mirror_of": "", "similarity": np.nan,
                "kept": True, "drop_reason": "", "split": "train"}  # fmt: skip
    rows = pd.DataFrame({"face_id": ids, "cluster_id": ids, **constant})
    rows["x"], rows["y"] = 20.0 + 190 * (numbers % 8), 30.0 + 300 * (numbers // 8)
    rows["w"] = rows["h"] = 150.0 - numbers
    rows["p_face"] = (0.999 - 0.001 * numbers).round(3)
    rows["p_usable"] = (0.5 + 0.01 * numbers).round(3)
    rows["sharpness"] = 0.5
    return rows


def make_imported(root: Path, rng: np.random.Generator) -> pd.DataFrame:
    """Write an imported face. Return its row of the manifest: without the probabilities."""
    rows = make_rows(["gamma-000"], "gamma", "picture-gamma", IMPORTED_SOURCE)
    rows["detector"] = "import"
    rows[["p_face", "p_usable", "score"]] = np.nan
    write_images(root / catalog.IMPORTED_DIR / "gamma.parquet", rows, rng)
    return rows


def write_images(path: Path, rows: pd.DataFrame, rng: np.random.Generator) -> None:
    pngs = [encode_png(rng.integers(0, 256, (112, 112), np.uint8)) for _ in range(len(rows))]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_faces(path, rows.assign(png=pngs), catalog.arrow_schema(catalog.FACE_COLUMNS))


def start_process(root: Path, port: int = 0) -> "subprocess.Popen[str]":
    """Start the command as a user does."""
    command = [sys.executable, "-m", "mangagan", "review", "--no-browser", "--port", str(port)]
    return subprocess.Popen(
        command, cwd=root, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@dataclass
class Server:
    """A running server, and a client of it.

    Attributes:
        root: The workspace.
        process: The process of the server.
        port: Its port.
    """

    root: Path
    process: "subprocess.Popen[str]"
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Send a request with exactly these headers, and `Host` if they lack it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": f"127.0.0.1:{self.port}", **(headers or {})}.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """Return the JSON of an answer."""
        response, body = self.request("GET", path)
        assert response.status == 200, body
        return json.loads(body)

    def post(self, path: str, value: Any, **headers: str) -> tuple[int, Any]:
        """Send JSON with the token. Return status and JSON of the answer."""
        body = json.dumps(value).encode()
        token = self.get("/api/session")["token"]
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), "X-Review-Token": token}
        response, answer = self.request("POST", path, body, fields | headers)
        return response.status, json.loads(answer)

    def decide(self, *rows: dict[str, str]) -> tuple[int, Any]:
        """Save decisions."""
        return self.post("/api/decisions", {"workspace": self.get("/api/session")["workspace"], "rows": rows})

    def state(self) -> Any:
        """Return the decisions that the server shows."""
        return self.get("/api/decisions")["state"]

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        self.process.kill()
        self.process.wait(30)

    def restart(self) -> None:
        """Start the server again at the same port."""
        self.process, self.port = start_server_process(self.root, self.port)


def start_server_process(root: Path, port: int = 0) -> "tuple[subprocess.Popen[str], int]":
    """Start the command and wait until it prints its address. Return the process and the port."""
    process = start_process(root, port)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
    assert found, line + process.stdout.read()
    return process, int(found[1])


@contextmanager
def run_server(root: Path) -> Iterator[Server]:
    """Run the server while the block runs."""
    server = Server(root, *start_server_process(root))
    try:
        yield server
    finally:
        server.kill()
