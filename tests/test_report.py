"""The report's pieces: figures, plots, pictures, and a page that needs nothing outside itself."""

import io
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mangagan.pictures.grid import encode_png, grid, spread
from mangagan.pictures.neighbors import closest_first, neighbor_rows
from mangagan.pictures.rows import labelled_rows
from mangagan.pictures.timeline import timeline
from mangagan.report.markup import look_up, number, shrink
from mangagan.report.page import Report, render
from mangagan.report.plot import HEIGHT, WIDTH, Series, line_plot, nice_ticks
from mangagan.report.words import WORDS, reading

NASTY = "<script>alert(\"x\")</script> & 'co'"
VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Collects tags, and the text of every element that names the metric it shows; checks that tags are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.figures: list[tuple[str, str]] = []
        self.key = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.key = dict(attrs).get("data-key") or ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.key:
            self.figures.append((self.key, data))
            self.key = ""


def check_self_contained(text: str) -> None:
    """No script, and nothing is fetched: every src and href is data: or a place on the page."""
    page = Page(text)
    assert page.open == []
    assert not {"script", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.tags}
    anchors = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "action"):
            value = attributes.get(name) or "data:"
            assert value.startswith("data:") or (value[0] == "#" and value[1:] in anchors), value[:80]
        assert not [name for name in attributes if name.startswith("on")]
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def check_traceable(text: str, metrics: dict[str, object]) -> None:
    """Every marked figure is that of the metrics, to two or three significant digits."""
    figures = Page(text).figures
    assert len(figures) > 10
    for key, shown in figures:
        value = look_up(metrics, key)
        assert shown in (number(value), number(value, 2)), key


def comparison(**changes: object) -> dict[str, object]:
    values = {"value": 12.345, "sd": 0.5, "floor": 10.0, "floor_sd": 0.25, "ratio": 1.2345, "count": 60}
    return {**values, "floor_count": 60, "reason": "", **changes}


def small_report(**changes: object) -> Report:
    png = encode_png(np.full((20, 30), 128, np.uint8))
    metrics = {
        "ingest": {"pages": 1234, "pages_by_title": {NASTY: 1234}},
        "dedup": {"kept": 7, "train": 6, "holdout": 1},
        "evaluate": {
            "samples": 64,
            "train": 60,
            "holdout": 60,
            "swd": comparison(levels={"14px": {"value": 20.5, "floor": 10.25}, "112px": {"value": 4.0, "floor": 9.5}}),
            "diversity": comparison(value=0.31, floor=0.62, ratio=0.5),
            "nearest_train": comparison(sd=None, floor_sd=None),
        },
    }
    content = {
        "metrics": metrics,
        "card": {"weights_sha256": "ab" * 32, "images_seen": 6016, "params": {"kimg": 6.0, "note": NASTY}},
        "titles": pd.DataFrame({"pages": [1234], "kept": [7], NASTY: [3]}, index=[NASTY]),
        "curves": {"kimg": [1.0, 2.0], "loss_d": [0.5, 0.25], "loss_g": [1.0, 2.0], "d_real": [0.6, 0.7]},
        "quantiles": {"share": [0, 50, 100], "samples": [0.1, 0.5, 0.9], "hold-out faces": [0.2, 0.5, 1.0]},
        "pictures": dict.fromkeys(("real_grid", "fake_grid", "timeline", "interpolation", "nearest", "first"), png),
        "sheets": {"dedup": {"kept": png, NASTY: png}},
        "dataset_matches": True,
    }
    return Report(**{**content, **changes})


def test_page_is_self_contained_and_traceable() -> None:
    report = small_report()
    text = render(report)
    check_self_contained(text)
    check_traceable(text, report.metrics)
    assert text == render(small_report())
    assert text.count('src="data:image/png;base64,') == 6
    assert text.count('src="data:image/jpeg;base64,') == 2


def test_data_cannot_become_markup() -> None:
    text = render(small_report())
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.search(r"[^&\w]alert\(\"", text)


def test_page_without_floors_curves_and_sheets_says_so() -> None:
    report = small_report(curves={}, sheets={})
    missing = comparison(value=None, sd=None, floor=None, floor_sd=None, ratio=None, reason="0 hold-out faces")
    report.metrics["evaluate"].update(dict.fromkeys(WORDS, missing))
    text = render(report)
    assert "0 hold-out faces" in text
    assert "curves.csv is missing" in text
    assert "No stage left a contact sheet" in text
    assert not re.search(r"\b(nan|inf|None)\b", text)
    check_self_contained(text)


def test_a_metric_without_words_is_shown_all_the_same() -> None:
    report = small_report()
    report.metrics["evaluate"]["kid"] = comparison(value=0.0421)
    assert ("evaluate.kid.value", "0.0421") in Page(render(report)).figures


@pytest.mark.parametrize(
    ("name", "value", "floor", "word"),
    [
        ("swd", 10.1, 10.0, "cannot tell them apart"),
        ("swd", 50.0, 10.0, "Clearly further"),
        ("diversity", 9.9, 10.0, "As varied"),
        ("diversity", 5.0, 10.0, "Less varied"),
        ("diversity", 20.0, 10.0, "More varied"),
        ("nearest_train", 10.0, 10.0, "no sign of copying"),
        ("nearest_train", 1.0, 10.0, "copied"),
        ("nearest_train", 20.0, 10.0, "nothing is copied"),
    ],
)
def test_readings(name: str, value: float, floor: float, word: str) -> None:
    assert word in reading(name, comparison(value=value, floor=floor, ratio=value / floor))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        ("cpu", "cpu"),
        (0, "0"),
        (0.0, "0"),
        (1234, "1,234"),
        (1234.5, "1,234"),
        (12.345, "12.3"),
        (-0.5, "-0.500"),
        (0.00012345, "0.000123"),
    ],
)
def test_numbers_for_reading(value: object, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.13, 6.02), (-3, 4), (5, 5), (0, 0), (1e-6, 3e-6), (1200, 98_000)])
def test_ticks_are_round_and_enclose_the_data(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)
    assert ticks[0] <= low <= high <= ticks[-1]
    assert 3 <= len(ticks) <= 10
    step = ticks[1] - ticks[0]
    assert f"{step:.0e}"[0] in "125"
    np.testing.assert_allclose(np.diff(ticks), step)


def points_of(plot: str, index: int) -> np.ndarray:
    path = ElementTree.fromstring(plot).find(f".//path[@class='line-{index}']")
    assert path is not None
    return np.array([corner.split() for corner in path.attrib["d"][1:].split("L")], float)


def test_plot_is_drawn_to_scale_inside_its_box() -> None:
    plot = line_plot([Series("a", [0, 1, 2], [0, 4, 2]), Series("b <&>", [0, 2], [1, 1])], "title", "x", "y")
    points = points_of(plot, 0)
    assert points[1, 0] - points[0, 0] == pytest.approx(points[2, 0] - points[1, 0], abs=0.2)
    assert points[0, 1] - points[1, 1] == pytest.approx(2 * (points[2, 1] - points[1, 1]), abs=0.2)
    assert (points >= 0).all()
    assert (points <= (WIDTH, HEIGHT)).all()
    assert [text.text for text in ElementTree.fromstring(plot).iter("text")][-1] == "b <&>"


def test_plot_of_one_point_of_none_and_of_gaps() -> None:
    assert len(points_of(line_plot([Series("a", [1], [1])], "t", "x", "y"), 0)) == 2
    assert line_plot([Series("a", [], [])], "t", "x", "y") == "<p>t: no data.</p>"
    gaps = line_plot(
        [Series("a", [0, 1, 2], [0, float("nan"), float("inf")]), Series("b", [0, 3], [1, 2])], "t", "x", "y"
    )
    assert len(points_of(gaps, 1)) == 2
    empty = line_plot([Series("gone", [0, 1], [float("nan")] * 2), Series("b", [0, 3], [1, 2])], "t", "x", "y")
    assert len(points_of(empty, 0)) == 2
    assert "gone" not in empty
    assert "nan" not in gaps
    assert "inf" not in gaps


def test_a_long_curve_is_thinned_without_moving_its_mean() -> None:
    values = np.random.default_rng(0).normal(5, 1, 10_000)
    points = points_of(line_plot([Series("a", range(10_000), values.tolist())], "t", "x", "y"), 0)
    assert len(points) == 400


def test_rows_place_images_labels_and_captions() -> None:
    rows = [np.full((2, 1, 10, 10), value, np.uint8) for value in (50, 100)]
    plain = labelled_rows(rows, ["", ""])
    assert plain.shape == (22, 22, 1)
    assert (plain[:10, :10] == 50).all()
    assert (plain[12:, 12:] == 100).all()
    labelled = labelled_rows(rows, ["20 kimg", "40 kimg"], [["a", "b"], ["c", "d"]])
    assert labelled.shape[0] > 40
    assert labelled[:, : labelled.shape[1] - 22].min() < 128  # there is ink in the label's column
    assert (labelled[:10, -22:-12] == 50).all()
    assert labelled_rows([np.zeros((1, 3, 10, 10), np.uint8)], [""]).shape == (10, 10, 3)
    assert labelled_rows([], []).min() < 128


def test_timeline_takes_the_first_images_of_every_snapshot_in_order_of_time(tmp_path) -> None:
    for kimg in (1000, 0, 20, 999_999):
        images = np.full((16, 1, 10, 10), min(kimg // 10, 250), np.uint8)
        images[0] = 7
        Image.fromarray(grid(images, 4)[:, :, 0]).save(tmp_path / f"{kimg:06}kimg.png")
    (tmp_path / "other.png").write_bytes(b"")
    sheet = timeline(tmp_path, side=10, columns=3)
    right = sheet[:, -34:]
    assert right.shape == (46, 34, 1)
    assert right[5::12, 5, 0].tolist() == [7] * 4
    assert right[5::12, 29, 0].tolist() == [0, 2, 100, 250]
    assert timeline(tmp_path / "none", side=10).shape[2] == 1
    assert list(spread(100, 12))[::11] == [0, 99]
    assert list(spread(3, 12)) == [0, 1, 2]


def test_neighbours_are_shown_mirrored_where_they_match_so() -> None:
    train = np.zeros((2, 1, 10, 10), np.uint8)
    train[1, :, :, :5] = 200
    shown = neighbor_rows(train[:1] + 9, train, np.array([[1, 0]]), np.array([[True, False]]), np.array([[0.5, 1.0]]))
    assert shown[5, [0, 12, 17, 24], 0].tolist() == [9, 0, 200, 0]
    assert closest_first([3.0, 1.0, 1.0, 2.0], 3).tolist() == [1, 2, 3]


def test_huge_sheets_are_brought_down_and_small_ones_left() -> None:
    for size, wanted in (((3000, 100), (1440, 48)), ((300, 200), (300, 200))):
        buffer = io.BytesIO()
        Image.new("RGB", size, "white").save(buffer, "PNG")
        assert Image.open(io.BytesIO(shrink(buffer.getvalue()))).size == wanted


def test_metrics_keys_may_be_missing() -> None:
    assert look_up(json.loads('{"a": {"b": 1}}'), "a.b.c") is None
    assert look_up({}, "a") is None
