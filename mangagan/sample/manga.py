"""The sample manga: three drawn titles as screenshots with every face, repeat and broken file known."""

from __future__ import annotations

import multiprocessing
import zlib
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mangagan.core.errors import UserError
from mangagan.core.files import write_bytes, write_json
from mangagan.core.progress import track
from mangagan.sample.character import STYLES, Character, Rng, Style, random_cast
from mangagan.sample.page import MIN_USABLE, FaceRow, draw_cover, draw_page
from mangagan.sample.screenshot import (
    broken_bytes,
    encode,
    encode_gray16,
    encode_transparent,
    encode_turned,
    rescreenshot,
)
from mangagan.sample.strokes import Image

PAGES_PER_TITLE = 24
SIZES = {"harbor_lights": (830, 1170), "paper_moon": (828, 1186), "sunny_side": (840, 1180)}  # pixels
CYCLE = 24  # the special pages below come again after so many

# What is planted where: (kind, which earlier page or what is wrong). All kinds come within the first eight pages.
PLANTED: dict[str, dict[int, tuple[str, str | int]]] = {
    "harbor_lights": {
        3: ("format", "gray16"), 5: ("repeat", 2), 7: ("rescreenshot", 4), 10: ("broken", "truncated"),
        15: ("repeat", 11), 19: ("rescreenshot", 12),
    },
    "paper_moon": {
        2: ("format", "transparent"), 4: ("tiny", 0), 6: ("rescreenshot", 3), 8: ("broken", "garbage"),
        13: ("repeat", 9), 18: ("rescreenshot", 14),
    },
    "sunny_side": {
        3: ("format", "turned"), 5: ("broken", "not-an-image"), 7: ("repeat", 6), 9: ("rescreenshot", 4),
        16: ("tiny", 0), 20: ("broken", "empty"),
    },
}  # fmt: skip


def page_rng(seed: int, title: str, number: int) -> Rng:
    """The generator of one page: it depends on nothing but (seed, title, number), so pages never change each other."""
    return np.random.default_rng((seed, zlib.crc32(title.encode()), number))


def title_cast(seed: int, style: Style) -> tuple[Character, ...]:
    """The recurring people of one title."""
    return random_cast(page_rng(seed, style.title, 0), style)


def draw_story_page(seed: int, style: Style, number: int) -> tuple[Image, list[FaceRow]]:
    """Draw page `number` (from 1) of a title; the first page of each cycle is a title page in colour."""
    rng = page_rng(seed, style.title, number)
    width, height = SIZES[style.title]
    if number % CYCLE == 1:
        coloured = replace(style, colour=True, ink=(52, 34, 40) if style.colour else (25, 20, 25))
        return draw_cover(rng, coloured, width, height, title_cast(seed, style))
    return draw_page(rng, style, width, height, title_cast(seed, style))


def planted(title: str, number: int) -> tuple[str, str | int]:
    """What is planted at a page: its kind, and the page it repeats or what is wrong with it."""
    kind, detail = PLANTED[title].get((number - 1) % CYCLE + 1, ("page", 0))
    if isinstance(detail, int) and detail:
        detail += number - 1 - (number - 1) % CYCLE
    return kind, detail


def suffix_of(title: str, number: int) -> str:
    """The file format of a page: mostly PNG, every sixth a JPEG, every ninth a WebP."""
    kind, detail = planted(title, number)
    if kind == "repeat":
        return suffix_of(title, int(detail))
    if kind == "format":
        return "jpg" if detail == "turned" else "png"
    if kind == "rescreenshot":
        return "jpg" if number % 2 else "png"
    if kind in ("broken", "tiny"):
        return "jpg" if detail in ("not-an-image", "empty") else "png"
    return "jpg" if number % 6 == 0 else ("webp" if number % 9 == 8 else "png")


def file_name(title: str, number: int) -> str:
    """The page's file name in the folder of its title."""
    return f"{number:03d}.{suffix_of(title, number)}"


def draw_screenshot(seed: int, style: Style, number: int) -> tuple[bytes, dict[str, Any]]:
    """Draw one file of the sample manga.

    Returns:
        Its bytes, and its row of truth: title, file, kind, width, height (pixels; 0 when broken), faces, and where it
        applies repeat_of (a file name of the same title) or reason.
    """
    kind, detail = planted(style.title, number)
    row: dict[str, Any] = {"title": style.title, "file": file_name(style.title, number), "kind": kind}
    if kind == "repeat":
        data, original = draw_screenshot(seed, style, int(detail))
        return data, {**original, **row, "repeat_of": original["file"]}
    rng = page_rng(seed, style.title + ":file", number)
    if kind in ("broken", "tiny"):
        return _spoilt(rng, style, number, kind, str(detail), row)
    if kind == "rescreenshot":
        picture, faces = draw_story_page(seed, style, int(detail))
        picture, scale, shift, seen = rescreenshot(rng, picture, phone=number % 2 == 1 or style.title == "paper_moon")
        faces = [new for face in faces if (new := _moved(face, scale, shift, seen))]
        row["repeat_of"] = file_name(style.title, int(detail))
    else:
        picture, faces = draw_story_page(seed, style, number)
    row |= {"kind": "page" if kind == "format" else kind, "faces": faces}
    row |= {"width": int(picture.shape[1]), "height": int(picture.shape[0])}
    special = {"gray16": encode_gray16, "transparent": encode_transparent, "turned": encode_turned}
    if kind == "format":
        return special[str(detail)](picture), row
    return encode(picture, suffix_of(style.title, number), quality=82 if kind == "rescreenshot" else 90), row


def _spoilt(
    rng: Rng, style: Style, number: int, kind: str, reason: str, row: dict[str, Any]
) -> tuple[bytes, dict[str, Any]]:
    picture = rng.integers(0, 256, (16, 16) if kind == "tiny" else (400, 300), dtype=np.uint8)
    if kind == "tiny":
        return encode(picture, "png"), row | {"width": 16, "height": 16, "faces": []}
    return broken_bytes(rng, reason, picture), row | {"width": 0, "height": 0, "faces": [], "reason": reason}


def _moved(face: FaceRow, scale: float, shift: tuple[float, float], seen: tuple[int, int, int, int]) -> FaceRow | None:
    """A face's row in a picture scaled and then shifted, cut to the box `seen`; None when little of it is left."""
    x, y, w, h = (face[key] * scale for key in "xywh")
    x0, y0 = max(round(x + shift[0]), seen[0]), max(round(y + shift[1]), seen[1])
    x1, y1 = min(round(x + w + shift[0]), seen[0] + seen[2]), min(round(y + h + shift[1]), seen[1] + seen[3])
    if x1 - x0 < 8 or y1 - y0 < 8:
        return None
    usable = bool(face["usable"]) and x1 - x0 >= MIN_USABLE
    return {**face, "x": x0, "y": y0, "w": x1 - x0, "h": y1 - y0, "usable": usable}


def _jobs(seed: int, pages_per_title: int) -> list[tuple[int, Style, int]]:
    return [(seed, style, number) for style in STYLES for number in range(1, pages_per_title + 1)]


def _draw_job(job: tuple[int, Style, int]) -> tuple[bytes, dict[str, Any]]:
    return draw_screenshot(*job)


def draw_manga(
    directory: Path, seed: int = 0, pages_per_title: int = PAGES_PER_TITLE, workers: int = 1
) -> dict[str, Any]:
    """Draw the sample manga: `directory`/screenshots/<title>/NNN.<png|jpg|webp> and `directory`/truth.json.

    The same seed gives the same bytes (with the same library versions), and more pages never change earlier ones.

    Args:
        directory: made when missing; files of an earlier draw are written over.
        seed: of everything that is drawn, 0 or more.
        pages_per_title: files a title, at least 1, planted repeats and broken files included.
        workers: processes to draw with; the result does not depend on it. Above 1, a calling script needs the usual
            `if __name__ == "__main__"`.

    Returns:
        What truth.json holds: seed, pages_per_title and pages, a list with one row a file (see `draw_screenshot`).

    Raises:
        UserError: `pages_per_title` is below 1, `seed` below 0, or a title's folder holds other files.
    """
    if pages_per_title < 1 or seed < 0:
        raise UserError("the sample manga needs at least 1 page a title and a seed of 0 or more")
    directory = Path(directory)
    jobs = _jobs(seed, pages_per_title)
    _refuse_other_files(directory, jobs)
    rows = []
    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            rows = _write(directory, pool.map(_draw_job, jobs), len(jobs))
    else:
        rows = _write(directory, map(_draw_job, jobs), len(jobs))
    truth = {"seed": seed, "pages_per_title": pages_per_title, "pages": rows}
    write_json(directory / "truth.json", truth)
    return truth


def _refuse_other_files(directory: Path, jobs: list[tuple[int, Style, int]]) -> None:
    expected = {f"{style.title}/{file_name(style.title, number)}" for _, style, number in jobs}
    for style in STYLES:
        folder = directory / "screenshots" / style.title
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if f"{style.title}/{path.name}" not in expected:
                raise UserError(f"{path} is not part of this sample manga: choose an empty folder, or remove it first")


def _write(directory: Path, drawn: Iterable[tuple[bytes, dict[str, Any]]], total: int) -> list[dict[str, Any]]:
    rows = []
    for data, row in track(drawn, total, "sample", "files"):
        write_bytes(directory / "screenshots" / row["title"] / row["file"], data)
        rows.append(row)
    return rows


def labels(truth: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The truth as detectors are scored with it: "<title>/<file>" to width, height, faces; readable files only."""
    return {
        f"{row['title']}/{row['file']}": {key: row[key] for key in ("width", "height", "faces")}
        for row in truth["pages"]
        if row["kind"] not in ("broken", "tiny")
    }
