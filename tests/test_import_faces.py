"""The stage `import_faces`: faces, ids, groups, gates, and rejected files."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mangagan.cli import main
from mangagan.core import catalog
from mangagan.core.images import decode_png
from mangagan.faces.crop import find_insides
from mangagan.importing.groups import find_group, find_path_in_title
from mangagan.sample.character import STYLES
from mangagan.sample.page import draw_page
from tests.archive_files import make_zip
from tests.import_files import (
    draw_crop,
    encode,
    make_workspace,
    read_imported,
    read_tree,
    set_params,
    write_crops,
    write_files,
)

FOLDER = catalog.FACES_IMPORT
REPORTS = catalog.pictures_dir("import_faces")
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the workspace, which is the working directory."""
    monkeypatch.chdir(make_workspace(tmp_path / "workspace"))
    return Path()


def run(title: str = "t") -> pd.DataFrame:
    """Run the stage and return the faces of a title, with the name of the file as index."""
    assert main(["import_faces"]) == 0
    faces = read_imported(Path(), title)
    return faces.set_index(faces["source"].str.removeprefix(f"{title}/"))


def measure() -> dict[str, object]:
    """Return the metrics of the stage."""
    metrics: dict[str, object] = json.loads(catalog.metrics_file("import_faces").read_text())
    return metrics


def show(faces: pd.DataFrame, name: str) -> np.ndarray:
    """Return the pixels of a face, int16 (S, S, 3)."""
    return decode_png(faces.loc[name, "png"], channels=3).astype(np.int16)


def test_a_picture_of_any_format_becomes_the_face_that_a_viewer_shows() -> None:
    drawing = draw_crop(1, 112, 112)
    colour = np.dstack([drawing, drawing.T, 255 - drawing])
    exif = Image.Exif()
    exif[0x0112] = 6  # the viewer turns the stored picture to the right
    alpha = np.dstack([colour, np.full((112, 112), 255, np.uint8)])
    alpha[:56, :, 3] = 0
    on_white = colour.copy()
    on_white[:56] = 255
    files = {
        "gray.png": (encode(drawing), np.dstack([drawing] * 3), 0),
        "colour.png": (encode(colour), colour, 0),
        "equal.png": (encode(np.dstack([drawing] * 3)), np.dstack([drawing] * 3), 0),
        "alpha.png": (encode(alpha), on_white, 0),
        "deep.png": (encode(drawing.astype(np.uint16) * 257), np.dstack([drawing] * 3), 0),
        "turned.jpg": (encode(np.rot90(colour), "JPEG", quality=98, subsampling=0, exif=exif), colour, 12),
        "cmyk.jpg": (encode(Image.fromarray(colour).convert("CMYK"), "JPEG", quality=98), colour, 12),
        "lossy.avif": (encode(colour, "AVIF", quality=98), colour, 12),
        "jpeg.png": (encode(drawing, "JPEG", quality=98), np.dstack([drawing] * 3), 12),
    }
    write_files(FOLDER / "t", {name: data for name, (data, _, _) in files.items()})
    faces = run()
    assert sorted(faces.index) == sorted(files)
    for name, (_, expected, tolerance) in files.items():
        assert np.abs(show(faces, name) - expected).max() <= tolerance, name
    assert faces.loc[["gray.png", "equal.png", "deep.png", "jpeg.png"], "is_gray"].all()
    assert not faces.loc[["colour.png", "alpha.png", "cmyk.jpg"], "is_gray"].any()


def test_columns_of_a_face() -> None:
    write_files(FOLDER / "t", {"b.png": encode(draw_crop(1, 64, 64)), "a10.png": encode(draw_crop(2, 224, 224))})
    write_files(FOLDER / "t", {"a2.png": encode(draw_crop(3, 100, 120))})
    faces = run()
    assert [*faces.columns.drop("png")] == catalog.column_names(catalog.FACE_COLUMNS)
    assert list(faces.index) == ["a2.png", "a10.png", "b.png"]
    assert list(faces["page_number"]) == [1, 2, 3]
    first, small = faces.loc["a2.png"], faces.loc["b.png"]
    assert (first["title"], first["source"], first["detector"]) == ("t", "t/a2.png", "import")
    assert [first[name] for name in ("page_width", "page_height", *"xywh")] == [100, 120, 0, 10, 100, 100]
    assert (first["crop_margin"], first["pad_fraction"], first["upscale"]) == (0, 0, 1.12)
    assert small["upscale"] == 1.75
    assert 20 < first["contrast"] < 128 and 0 < first["sharpness"] < 1
    assert faces[["score", "usable", "p_face", "p_usable"]].isna().all(axis=None)
    assert (faces["drop_reason"] == "").all()
    assert [decode_png(png, 1).shape for png in faces["png"]] == [(112, 112)] * 3


def test_ids_are_unique_stable_and_do_not_depend_on_the_settings() -> None:
    picture = encode(draw_crop(1))
    write_files(
        FOLDER / "t", {"1.png": picture, "copy.png": picture, "same.jpg": encode(draw_crop(1), "WEBP", lossless=True)}
    )
    faces = run()
    assert faces["face_id"].is_unique and faces["face_id"].str.fullmatch("[0-9a-f]{16}").all()
    assert faces["page_id"].nunique() == 1, "equal pixels are never separated"
    write_crops(FOLDER / "t", "0.png")
    set_params(Path(), aspect="pad", size="64", gates="true")
    assert run().loc[faces.index, "face_id"].equals(faces["face_id"])


def test_the_normalize_margin_does_not_apply() -> None:
    write_files(FOLDER / "t", {"1.png": encode(draw_crop(1, 112, 112))})
    set_params(Path(), margin="0.3")
    faces = run()
    assert np.array_equal(show(faces, "1.png")[..., 0], draw_crop(1, 112, 112))


def test_crop_uses_the_centre_and_pad_mirrors_the_long_edges() -> None:
    wide, tall = draw_crop(1, 160, 112), draw_crop(2, 112, 160)
    write_files(FOLDER / "t", {"wide.png": encode(wide), "tall.png": encode(tall)})
    faces = run()
    assert np.array_equal(show(faces, "wide.png")[..., 0], wide[:, 24:136])
    assert np.array_equal(show(faces, "tall.png")[..., 0], tall[24:136])
    assert np.array_equal(find_insides(faces), [[0, 0, 1, 1]] * 2)
    set_params(Path(), aspect="pad", size="160")
    faces = run()
    assert np.array_equal(show(faces, "wide.png")[..., 0], np.pad(wide, ((24, 24), (0, 0)), "reflect"))
    assert np.array_equal(show(faces, "tall.png")[..., 0], np.pad(tall, ((0, 0), (24, 24)), "reflect"))
    assert list(faces["pad_fraction"]) == [0.3, 0.3]
    inside = find_insides(faces[["x", "y", "w", "h", "crop_margin", "page_width", "page_height"]])
    assert np.allclose(inside, [[0.15, 0, 0.85, 1], [0, 0.15, 1, 0.85]]), "tall.png comes before wide.png"


@pytest.mark.parametrize(
    ("rule", "groups"),
    [
        ("none", [["train/a/p1_1.png"], ["train/a/p1_2.png"], ["test/a/p2_1.png"], ["b/p1_3.png"], ["p1_4.png"]]),
        ("folder", [["train/a/p1_1.png", "train/a/p1_2.png", "test/a/p2_1.png"], ["b/p1_3.png"], ["p1_4.png"]]),
        ("'(p[0-9]+)_'", [["train/a/p1_1.png", "train/a/p1_2.png", "b/p1_3.png", "p1_4.png"], ["test/a/p2_1.png"]]),
        ("'^(.)/'", [["train/a/p1_1.png"], ["train/a/p1_2.png"], ["test/a/p2_1.png"], ["b/p1_3.png"], ["p1_4.png"]]),
    ],
)
def test_pictures_of_a_group_share_their_page(rule: str, groups: list[list[str]], capsys: Captured) -> None:
    names = [name for group in groups for name in group]
    write_crops(FOLDER / "t", *names)
    write_crops(FOLDER / "other", *names)
    set_params(Path(), group=rule)
    faces = run()
    found = faces.groupby("page_id").apply(lambda rows: sorted(rows.index), include_groups=False)
    assert sorted(found) == sorted(sorted(group) for group in groups)
    shown = capsys.readouterr().err
    assert ("do not match import_faces.group" in shown) == (rule == "'^(.)/'"), shown
    if rule == "folder":
        common = set(faces["page_id"]) & set(read_imported(Path(), "other")["page_id"])
        assert common == {faces.loc["p1_4.png", "page_id"]}, "a group is of one title, equal pixels are not"
    assert ("only " in shown) == (rule != "none")


def test_the_path_of_a_picture_in_its_title() -> None:
    assert find_path_in_title("t/train/1.png") == "train/1.png"
    assert find_path_in_title("t/x.zip::a/1.png") == "x.zip/a/1.png"
    assert find_path_in_title("x.zip::in.zip::1.png") == "in.zip/1.png"
    assert find_group("x.zip/test/1.png", "folder") == "x.zip"
    assert find_group("Validation/1.png", "folder") is None


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"group": "'(('"}, "import_faces.group must be none, folder or a regular expression with a group in paren"),
        ({"group": "folders"}, "import_faces.group must be none, folder or a regular expression"),
        ({"aspect": "stretch"}, "import_faces.aspect must be crop or pad, not stretch"),
        ({"gates": "some"}, "import_faces.gates: must be a valid boolean"),
    ],
)
def test_wrong_settings_are_one_line(values: dict[str, str], line: str, capsys: Captured) -> None:
    set_params(Path(), **values)
    assert main(["import_faces"]) == 2
    assert line in capsys.readouterr().err


def test_files_that_are_no_face_are_listed_with_the_reason(capsys: Captured) -> None:
    whole = encode(draw_crop(1, 200, 200))
    files = {
        "t/good.png": whole,
        "t/cut.png": whole[:300],
        "t/notes.txt": b"notes",
        "t/white.png": encode(np.full((50, 60), 255, np.uint8)),
        "t/empty.jpg": b"",
        "t/half.png.crdownload": b"",
        "loose.png": whole,
    }
    write_files(FOLDER, files)
    (FOLDER / "t/broken").symlink_to("nowhere")
    faces = run()
    assert list(faces.index) == ["good.png"]
    rejected = pd.read_csv(REPORTS / "rejected.csv", keep_default_na=False).set_index("source")
    assert rejected["reason"].to_dict() == {
        "t/broken": "a broken link",
        "t/cut.png": rejected.loc["t/cut.png", "reason"],
        "t/empty.jpg": "empty file",
        "t/half.png.crdownload": "a download that is not finished",
        "t/notes.txt": "no picture, archive or e-book (file type .txt)",
        "t/white.png": "blank: all pixels have one colour",
        "loose.png": "not in the folder of a title",
    }
    assert rejected.loc["t/cut.png", "reason"].startswith("cut off: ")
    shown = capsys.readouterr().err
    assert all(f"import_faces: rejected {name}: {row.reason}\n" in shown for name, row in rejected.iterrows())
    assert "import_faces: 1 faces, titles: 1; 7 files rejected\n" in shown
    metrics = measure()
    assert (metrics["files"], metrics["faces"], metrics["passed"], metrics["rejected"]) == (8, 1, 1, 7)
    assert sum(metrics["rejected_by_kind"].values()) == 7  # type: ignore[attr-defined]
    sheets = [np.asarray(Image.open(REPORTS / f"{name}.png")) for name in ("kept", "rejected")]
    assert sheets[1].shape[1] > sheets[0].shape[1], "one face, seven files"


def test_without_a_single_picture_the_stage_fails_and_keeps_the_earlier_faces(capsys: Captured) -> None:
    write_crops(FOLDER / "t", "1.png")
    before = run()
    write_files(FOLDER / "t", {"1.png": b"gone"})
    assert main(["import_faces"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(
        "mangagan: none of 1 files in data/faces_import is a picture of a face, for example t/1.png"
    )
    assert read_imported(Path(), "t")["face_id"].tolist() == before["face_id"].tolist()


@pytest.mark.parametrize("exists", [False, True])
def test_without_files_the_outs_are_empty(exists: bool, capsys: Captured) -> None:
    if exists:
        write_files(FOLDER, {".gitignore": b"*\n"})
    assert main(["import_faces"]) == 0
    assert capsys.readouterr().err == ""
    assert [path.name for path in catalog.IMPORTED_DIR.iterdir()] == ["empty.txt"]
    assert read_tree(REPORTS) == {"drop_reasons.csv": b"outcome,count\n", "rejected.csv": b"title,source,reason\n"}
    assert measure()["faces"] == 0


def test_the_gates_drop_what_is_no_face_too_small_or_blurred() -> None:
    page, truth = draw_page(np.random.default_rng(0), STYLES[0], 828, 1180)
    usable = [face for face in truth if face["usable"] and min(face["w"], face["h"]) > 60]
    files = {}
    for number, face in enumerate(usable):
        x, y, w, h = (round(face[key]) for key in "xywh")
        files[f"face{number}.png"] = encode(np.ascontiguousarray(page[y : y + h, x : x + w]))
    first = Image.fromarray(decode_png(files["face0.png"], channels=3))
    files["small.png"] = encode(first.resize((32, 32)))
    files["pattern.png"] = encode(draw_crop(1))
    write_files(FOLDER / "t", files)
    assert (run()["drop_reason"] == "").all(), "the gates are off by default"
    set_params(Path(), gates="true")
    faces = run()
    reasons = faces["drop_reason"].to_dict()
    assert (reasons.pop("small.png"), reasons.pop("pattern.png")) == ("too small", "no face")
    assert list(reasons.values()).count("") >= 0.8 * len(reasons) > 0, reasons
    assert faces[["p_face", "p_usable"]].notna().all(axis=None)
    assert measure()["dropped_by_reason"].keys() >= {"too small", "no face"}  # type: ignore[attr-defined]
    set_params(Path(), min_size="0")
    assert run().loc["small.png", "drop_reason"] != "too small"


def test_a_long_picture_is_not_dropped_for_its_padding() -> None:
    write_files(FOLDER / "t", {"long.png": encode(draw_crop(1, 80, 240))})
    set_params(Path(), aspect="pad", gates="true", min_face="0", min_usable="0", min_sharpness="0", min_contrast="0")
    face = run().iloc[0]
    assert face["pad_fraction"] > 0.6 and face["drop_reason"] == ""


def test_the_outs_do_not_depend_on_the_order_of_the_files_or_on_an_earlier_run() -> None:
    names = [f"{folder}/{number}.png" for folder in ("a", "b") for number in range(12)]
    outs = []
    for order in (names, names[::-1]):
        for name in order:
            write_files(FOLDER / "t", {name: encode(draw_crop(names.index(name), 60 + 9 * names.index(name), 90))})
        run()
        outs.append([read_tree(path) for path in (catalog.IMPORTED_DIR, REPORTS)] + [measure()])
        for name in names:
            (FOLDER / "t" / name).unlink()
    assert outs[0] == outs[1]


def test_archives_and_titles_of_all_kinds(capsys: Captured) -> None:
    archive = make_zip([(b"train/1.png", encode(draw_crop(1))), (b"train/metadata.csv", b"file_name\n1.png\n")])
    write_files(FOLDER, {"faces.zip": archive, "Mixed/in.cbz": archive, "Mixed/2.png": encode(draw_crop(2))})
    assert list(run("faces")["source"]) == ["faces.zip::train/1.png"]
    assert set(read_imported(Path(), "Mixed")["source"]) == {"Mixed/in.cbz::train/1.png", "Mixed/2.png"}
    assert "rejected faces.zip::train/metadata.csv: no picture" in capsys.readouterr().err
    assert measure()["faces_by_title"] == {"faces": 1, "Mixed": 2}


def test_pictures_of_whole_pages_are_mentioned(capsys: Captured) -> None:
    write_files(FOLDER / "t", {f"{number}.png": encode(draw_crop(number, 830, 1170)) for number in range(2)})
    run()
    assert "2 pictures have the size and shape of pages. If they are pages, use data/screenshots" in (
        capsys.readouterr().err
    )
