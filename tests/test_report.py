"""The report: a self-contained page whose values all carry their key."""

import io
import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mangagan.core import catalog
from mangagan.core.files import write_json
from mangagan.core.images import encode_png
from mangagan.metrics.registry import METRICS
from mangagan.report.images import shrink
from mangagan.report.inputs import choose_example, read_columns, read_timings
from mangagan.report.page import Report, render_report
from mangagan.report.values import format_number, look_up
from tests.report_page import Page, check_self_contained, check_traceable, has_digit

NASTY = "<script>alert(\"x\")</script> & 'co'"
PICTURES = ("real_grid", "fake_grid", "best", "typical", "worst", "timeline", "interpolation", "suspicious", "first")


def comparison(**changes: object) -> dict[str, object]:
    values = {"value": 12.345, "sd": 0.5, "floor": 10.0, "floor_sd": 0.25, "ratio": 1.2345, "position": 0.123}
    more = {"ceilings": {"noise": 91.5, "blurred": 29.1}, "count": 60, "floor_count": 61, "reason": ""}
    return {**values, **more, **changes}


def rule(**changes: object) -> dict[str, object]:
    values = {"word": "copying", "rule": "It copies.", "key": "nearest_train.copied", "value": 0.0321, "limit": 0.123}
    return {**values, "above": True, "fired": False, **changes}


def evaluation() -> dict[str, Any]:
    """Return the content of a metrics/evaluate.json."""
    fired = rule(
        word="undertrained", rule="It is apart.", key="kernel_distance.random.position", value=0.456, fired=True
    )
    return {
        "samples": 64,
        "train": 60,
        "holdout": 12,
        "train_sha256": "cd" * 32,
        "model_sha256": "ab" * 32,
        "verdict": {
            "word": "undertrained",
            "because": [rule(), fired, rule(value=None)],
            "advice": "Raise train.kimg.",
        },
        "extractors": {
            "random": {"sha256": "12" * 32, "dimensions": 256},
            "mine": {"sha256": "34" * 32, "dimensions": 64},
        },
        "agreement": {"flags": ["random and mine disagree."]},
        "kernel_distance": {"random": comparison(value=0.0421, floor=-0.0012), "mine": comparison()},
        "swd": comparison(levels={"14px": {"value": 20.5, "floor": 10.25}, "112px": {"value": 4.5, "floor": 9.5}}),
        "diversity": comparison(value=0.31, floor=0.62, ratio=0.5, position=None, ceilings={}),
        "nearest_train": comparison(sd=None, floor_sd=None, closest=0.25, by_title={"A. B": {"share": 0.75}}),
    }


def small_report(**changes: object) -> Report:
    png = encode_png(np.full((20, 30), 128, np.uint8))
    metrics = {
        "ingest": {"pages": 1234, "pages_by_title": {NASTY: 1234, "Vol. 2": 7}},
        "dedup": {"kept": 7, "train": 6, "holdout": 1},
        "evaluate": evaluation(),
    }
    titles = {"pages": [1234, 5], "faces": [10, 3], "kept": [7, 2], "train": [6, 2], "holdout": [1, 0], NASTY: [3, 1]}
    content = {
        "metrics": metrics,
        "card": {"weights_sha256": "ab" * 32, "images_seen": 6016, "params": {"kimg": 6.5, "note": NASTY}},
        "titles": pd.DataFrame(titles, index=[NASTY, "Vol. 2"]),
        "curves": {"kimg": [1.0, 2.0], "loss_d": [0.5, 0.25], "loss_g": [1.0, 2.0], "d_real": [0.6, 0.7], "p": [0, 1]},
        "quantiles": {"share": [0, 50, 100], "samples": [0.1, 0.5, 0.9], "hold-out faces": [0.2, 0.5, 1.0]},
        "pictures": dict.fromkeys(PICTURES, png),
        "sheets": {"dedup": {"kept": png, NASTY: png}},
        "dataset_matches": True,
        "progress": {
            "kimg": [20, 40],
            "kernel_distance": [2.5, 0.5],
            "kernel_distance_floor": [0.01, 0.01],
            "kept": [0, 1],
        },
        "timings": {"ingest": 3.52, "train": 1843.2},
        "example": {"face_id": "56" * 8, "source": f"{NASTY}/p 1.png", "x": 17, "score": 0.875, "page_number": 3},
    }
    return Report(**{**content, **changes})


def other_numbers(value: Any) -> Any:
    """Return the content with every number and every hash changed."""
    if isinstance(value, dict):
        return {name: other_numbers(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [other_numbers(entry) for entry in value]
    if isinstance(value, str):
        return (
            value.translate(str.maketrans("123456789", "234567891")) if re.fullmatch("[0-9a-f]{16,}", value) else value
        )
    return value if isinstance(value, bool) or value is None else value * 1.37 + 3


def test_page_is_self_contained_and_traceable() -> None:
    report = small_report()
    text = render_report(report)
    check_self_contained(text)
    check_traceable(text, report.sources())
    assert text == render_report(small_report())
    assert text.count('src="data:image/webp;base64,') == len(PICTURES) + 2
    assert {key.split(".")[0] for key, _ in Page(text).values} == set(report.sources())


def test_every_number_on_the_page_has_a_key() -> None:
    report = small_report()
    changed = Report(
        **{name: other_numbers(getattr(report, name)) for name in ("metrics", "card", "timings", "example")},
        **{name: other_numbers(getattr(report, name)) for name in ("curves", "quantiles")},
        progress=report.progress | {"coverage": [0.6, 0.8]},
        titles=report.titles * 3 + 1,
        **{name: getattr(report, name) for name in ("pictures", "sheets", "dataset_matches")},
    )
    ours, theirs = Page(render_report(report)), Page(render_report(changed))
    assert ours.other_numbers == theirs.other_numbers
    changed_values = dict(theirs.values)
    assert {key for key, shown in ours.values if shown == changed_values[key] and has_digit(shown)} == {
        "example.source"
    }


def test_data_cannot_become_markup() -> None:
    text = render_report(small_report())
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.search(r"[^&\w]alert\(\"", text)


def test_the_verdict_is_at_the_top_and_rules_that_fired_come_first() -> None:
    text = render_report(small_report())
    page = Page(text)
    assert ("evaluate.verdict.word", "undertrained") in page.values
    assert ("evaluate.verdict.advice", "Raise train.kimg.") in page.values
    values = [key for key, _ in page.values if re.fullmatch(r"evaluate\.verdict\.because\.\d\.value", key)]
    assert [key.split(".")[-2] for key in values][:3] == ["1", "0", "2"]
    assert text.index("evaluate.verdict.word") < text.index("<nav")
    assert text.count("● fired") == text.count("○ not fired") == text.count("– no value") == 1
    assert 'href="#metric-kernel_distance"' in text


@pytest.mark.parametrize(
    "word", ["good", "recognisable", "undertrained", "collapsed", "overfitting", "copying", "unsure"]
)
def test_every_verdict_has_a_banner_with_three_lines(word: str) -> None:
    report = small_report()
    report.metrics["evaluate"]["verdict"]["word"] = word
    banner = re.search(r'<div class="banner.*?</div></div>', render_report(report), re.DOTALL)
    assert banner is not None
    assert banner[0].count("<p") == 3


def test_the_page_names_missing_content() -> None:
    report = small_report(
        curves={}, sheets={}, progress={}, timings={}, example={}, pictures={}, titles=pd.DataFrame(dtype=int)
    )
    missing = comparison(value=None, sd=None, floor=None, floor_sd=None, ratio=None, position=None, ceilings={})
    report.metrics["evaluate"].update({name: {**missing, "reason": "0 hold-out faces"} for name in METRICS})
    text = render_report(report)
    for message in ("0 hold-out faces", "curves.csv is missing", "no contact sheets in", "There are no faces yet"):
        assert message in text
    assert "Metrics during training" not in text
    assert ".mangagan/timings/." in text
    assert not re.search(r"\b(nan|inf|None)\b", text)
    check_self_contained(text)


def test_a_metric_without_texts_is_shown() -> None:
    report = small_report()
    report.metrics["evaluate"]["kid"] = comparison(value=0.0321)
    report.metrics["evaluate"]["fls"] = {"mine": comparison(value=0.0765)}
    values = Page(render_report(report)).values
    assert {("evaluate.kid.value", "0.0321"), ("evaluate.fls.mine.value", "0.0765")} <= set(values)


def test_agreement_and_disagreement_of_the_extractors_are_shown() -> None:
    report = small_report()
    assert "random and mine disagree." in render_report(report)
    report.metrics["evaluate"]["agreement"]["flags"] = []
    assert "The extractors agree" in render_report(report)


def test_the_page_links_to_sheets_that_it_does_not_show() -> None:
    png = encode_png(np.full((20, 30), 128, np.uint8))
    text = render_report(small_report(sheets={"detect": {f"sheet{index}": png for index in range(14)}}))
    assert text.count('src="data:image/webp;base64,') == len(PICTURES) + 12
    assert 'href="detect/sheet13.png"' in text
    check_self_contained(text)


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
def test_format_number(value: object, text: str) -> None:
    assert format_number(value) == text


def test_large_pictures_are_scaled_down() -> None:
    for size, wanted in (((3000, 100), (1200, 40)), ((300, 200), (300, 200))):
        assert Image.open(io.BytesIO(shrink(png_of(np.zeros((size[1], size[0]), np.uint8))))).size == wanted
    noise = np.random.default_rng(0).integers(0, 256, (600, 600), np.uint8)
    limited, unlimited = (shrink(png_of(noise), max_bytes=size) for size in (40_000, 10**7))
    assert len(limited) < 40_000 < len(unlimited)


def png_of(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_keys_of_lists_names_with_dots_and_missing_entries() -> None:
    values = json.loads('{"a": {"b": 1, "Vol. 2.5": {"x": 3}, "l": [{"y": 4}]}, "a.b": {"c": 5}}')
    assert look_up(values, "a.b.c") == 5
    assert look_up(values, "a.Vol. 2.5.x") == 3
    assert look_up(values, "a.l.0.y") == 4
    for key in ("a.l.1.y", "a.l.x", "a.c", "a.Vol. 2.5.x.z", "b"):
        assert look_up(values, key) is None


def test_missing_files_give_empty_content(tmp_path) -> None:
    assert read_columns(tmp_path / "metrics.csv") == {}
    assert read_timings(tmp_path) == {}
    assert choose_example(pd.DataFrame({"split": ["", "holdout"], "x": [1, 2]})) == {}


def test_columns_timings_and_example_are_read(tmp_path) -> None:
    (tmp_path / "metrics.csv").write_text("kimg,floor,kept\n20,0.5,False\n40,,True\n")
    columns = read_columns(tmp_path / "metrics.csv")
    assert columns["kept"] == [0, 1]
    assert np.isnan(columns["floor"][1])
    for stage, seconds in (("train", 12.3), ("ingest", 1)):
        write_json(tmp_path / catalog.timing_file(stage), {"seconds": seconds})
    assert list(read_timings(tmp_path).items()) == [("ingest", 1.0), ("train", 12.3)]
    rows = pd.DataFrame({"split": ["", "train", "train"], "x": [1, 2, 3], "usable": [0.5, np.nan, 0.5]})
    assert choose_example(rows) == {"split": "train", "x": 2}
