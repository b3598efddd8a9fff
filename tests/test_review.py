"""`mangagan review` over HTTP: the server, faces and pages."""

import io
import json
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from mangagan.core import catalog
from mangagan.dataset.manifest import read_manifest, write_manifest
from mangagan.review.pages import BOX_COLOR, MAX_SIDE
from tests.review_workspace import (
    FACES_PER_TITLE,
    IMPORTED_SOURCE,
    PAGE_SHAPE,
    Server,
    make_review_workspace,
    run_server,
    start_process,
)

FACE_COUNT = 2 * FACES_PER_TITLE + 1


def run_to_end(root: Path, port: int = 0) -> tuple[int, str]:
    process = start_process(root, port)
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


def test_server_listens_on_this_machine_only(server: Server) -> None:
    addresses = {
        entry.laddr for entry in psutil.Process(server.process.pid).net_connections() if entry.status == "LISTEN"
    }
    assert addresses == {("127.0.0.1", server.port)}


def test_port_in_use_is_one_line_that_says_what_to_do(server: Server) -> None:
    status, output = run_to_end(server.root, server.port)
    assert status == 2
    assert output == (
        f"mangagan: port {server.port} is in use, perhaps by another `mangagan review`. Stop it, or choose another "
        f"port, for example: mangagan review --port {server.port + 1}\n"
    )


def test_missing_manifest_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    assert run_to_end(tmp_path) == (2, "mangagan: data/manifest.csv not found. Run: dvc repro dedup\n")


def test_damaged_decisions_are_one_line_that_names_the_line(tmp_path: Path) -> None:
    make_review_workspace(tmp_path)
    (tmp_path / catalog.OVERRIDES).write_text("face_id,action\nalpha-000,delete\n")
    status, output = run_to_end(tmp_path)
    assert status == 2
    assert output.count("\n") == 1
    assert "data/overrides.csv line 2: action must be" in output


def test_sigint_stops_the_server_without_an_error(tmp_path: Path) -> None:
    with run_server(make_review_workspace(tmp_path)) as server:
        server.process.send_signal(2)
        output, _ = server.process.communicate(timeout=30)
        assert server.process.returncode == 0
        assert output == "review: stopped\n"


def test_faces_are_those_of_the_manifest(server: Server) -> None:
    columns = server.get("/api/faces")
    assert columns["count"] == FACE_COUNT
    assert columns["face_id"] == read_manifest(server.root / catalog.MANIFEST)["face_id"].tolist()
    row = columns["face_id"].index("beta-001")
    assert columns["title"]["values"][columns["title"]["codes"][row]] == "beta"
    assert columns["drop_reason"]["values"][columns["drop_reason"]["codes"][row]] == "duplicate"
    assert columns["face_id"][columns["duplicate_of"][row]] == "beta-000"
    assert (columns["similarity"][row], columns["kept"][row], columns["p_usable"][row]) == (0.9, 0, 0.51)
    assert columns["face_id"][columns["mirror_of"][columns["face_id"].index("beta-004")]] == "beta-003"
    assert columns["duplicate_of"][0] == columns["mirror_of"][0] == -1
    imported = columns["face_id"].index("gamma-000")
    assert [columns[name][imported] for name in ("imported", "p_face", "p_usable", "similarity")] == [
        1,
        None,
        None,
        None,
    ]
    assert columns["min_similarity"] == 0.5


@pytest.mark.parametrize(("face_id", "file"), [("beta-007", "faces/beta"), ("gamma-000", "imported/gamma")])
def test_image_of_a_face_is_the_png_of_the_parquet_file(server: Server, face_id: str, file: str) -> None:
    from mangagan.faces.table import read_faces

    faces = read_faces(server.root / "data" / f"{file}.parquet").set_index("face_id")
    response, body = server.request("GET", f"/faces/{face_id}.png")
    assert (response.status, response.headers["Content-Type"]) == (200, "image/png")
    assert body == faces["png"][face_id]


def test_images_survive_that_a_stage_deletes_and_rewrites_the_file(server: Server) -> None:
    path = server.root / catalog.FACES_DIR / "alpha.parquet"
    old, content = server.request("GET", "/faces/alpha-003.png")[1], path.read_bytes()
    path.unlink()
    assert server.request("GET", "/faces/alpha-003.png")[1] == old
    path.write_bytes(content[: len(content) // 2])
    assert server.request("GET", "/faces/alpha-003.png")[1] == old
    other = server.root / catalog.FACES_DIR / "beta.parquet"
    path.write_bytes(other.read_bytes())  # a file without this face
    response, body = server.request("GET", "/faces/alpha-003.png")
    assert response.status == 404
    assert "has no face alpha-003. Run: dvc repro dedup" in json.loads(body)["detail"]


def test_page_is_bounded_and_shows_the_box(server: Server) -> None:
    response, body = server.request("GET", "/pages/alpha-009.jpg")
    assert (response.status, response.headers["Content-Type"]) == (200, "image/jpeg")
    picture = np.asarray(Image.open(io.BytesIO(body))).astype(int)
    scale = MAX_SIDE / max(PAGE_SHAPE)
    assert picture.shape == (MAX_SIDE, round(PAGE_SHAPE[1] * scale), 3)
    is_box = np.abs(picture - BOX_COLOR).max(axis=2) < 60
    rows, columns = np.flatnonzero(is_box.any(axis=1)), np.flatnonzero(is_box.any(axis=0))
    face = read_manifest(server.root / catalog.MANIFEST).set_index("face_id").loc["alpha-009"]
    expected = np.array([face["x"], face["x"] + face["w"], face["y"], face["y"] + face["h"]]) * scale
    assert np.abs([columns[0], columns[-1], rows[0], rows[-1]] - expected).max() <= 4


def test_imported_face_has_no_page_and_the_answer_names_its_file(server: Server) -> None:
    response, body = server.request("GET", "/pages/gamma-000.jpg")
    assert response.status == 404
    assert json.loads(body)["detail"].endswith(f"Its file: {IMPORTED_SOURCE}")


def test_page_that_is_missing_says_what_to_run(server: Server) -> None:
    (server.root / catalog.PAGES_DIR / "alpha.cbz").unlink()
    response, body = server.request("GET", "/pages/alpha-000.jpg")
    assert response.status == 404
    assert json.loads(body)["detail"] == "data/pages/alpha.cbz not found. Run: dvc repro ingest"


def test_new_manifest_is_shown_and_the_old_one_while_it_is_missing(server: Server) -> None:
    path = server.root / catalog.MANIFEST
    manifest, version = read_manifest(path), server.get("/api/decisions")["faces"]
    path.unlink()
    answer = server.get("/api/decisions")
    assert (answer["faces"], answer["warning"]) == (version, "data/manifest.csv not found. Run: dvc repro dedup")
    assert server.get("/api/faces")["count"] == FACE_COUNT
    write_manifest(path, manifest[manifest["title"] == "beta"])
    answer = server.get("/api/decisions")
    assert answer["faces"] != version
    assert answer["warning"] == ""
    assert server.get("/api/faces")["count"] == FACES_PER_TITLE
