"""The sample manga: screenshot files of three drawn titles, with ground truth."""

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
from mangagan.sample.character import STYLES, Character, Rng, Style, sample_cast
from mangagan.sample.ground_truth import FaceRow, transform_face_row
from mangagan.sample.page import draw_cover, draw_page
from mangagan.sample.screenshot import (
    encode,
    encode_gray16,
    encode_rotated,
    encode_transparent,
    make_broken_file,
    retake_screenshot,
)
from mangagan.sample.strokes import Image

FileRow = dict[str, Any]  # one file in truth.json, see `draw_screenshot`

PAGES_PER_TITLE = 24
PAGE_SIZES = {"harbor_lights": (830, 1170), "paper_moon": (828, 1186), "sunny_side": (840, 1180)}  # width, height [px]
SPECIAL_FILE_PERIOD = 24  # pages after which SPECIAL_FILES repeat

# Page number: (kind, detail). The detail is the repeated page, the encoding, or the reason of a broken file.
# The first eight pages of the titles contain every kind.
SPECIAL_FILES: dict[str, dict[int, tuple[str, str | int]]] = {
    "harbor_lights": {
        3: ("format", "gray16"), 5: ("repeat", 2), 7: ("rescreenshot", 4), 10: ("broken", "truncated"),
        15: ("repeat", 11), 19: ("rescreenshot", 12),
    },
    "paper_moon": {
        2: ("format", "transparent"), 4: ("tiny", 0), 6: ("rescreenshot", 3), 8: ("broken", "garbage"),
        13: ("repeat", 9), 18: ("rescreenshot", 14),
    },
    "sunny_side": {
        3: ("format", "rotated"), 5: ("broken", "not-an-image"), 7: ("repeat", 6), 9: ("rescreenshot", 4),
        16: ("tiny", 0), 20: ("broken", "empty"),
    },
}  # fmt: skip
SPECIAL_ENCODERS = {"gray16": encode_gray16, "transparent": encode_transparent, "rotated": encode_rotated}


def make_page_rng(seed: int, title: str, number: int) -> Rng:
    """Return the random generator of one page; it is independent of all other pages."""
    return np.random.default_rng((seed, zlib.crc32(title.encode()), number))


def sample_title_cast(seed: int, style: Style) -> tuple[Character, ...]:
    """Return the recurring characters of a title."""
    return sample_cast(make_page_rng(seed, style.title, 0), style)


def draw_story_page(seed: int, style: Style, number: int) -> tuple[Image, list[FaceRow]]:
    """Draw page `number` (from 1) of a title; every 24th page, from page 1, is a cover in colour."""
    rng = make_page_rng(seed, style.title, number)
    width, height = PAGE_SIZES[style.title]
    cast = sample_title_cast(seed, style)
    if number % SPECIAL_FILE_PERIOD == 1:
        cover_style = replace(style, colour=True, ink=(52, 34, 40) if style.colour else (25, 20, 25))
        return draw_cover(rng, cover_style, width, height, cast)
    return draw_page(rng, style, width, height, cast)


def get_file_kind(title: str, number: int) -> tuple[str, str | int]:
    """Return the kind of a file ("page" or a kind of SPECIAL_FILES) and its detail."""
    first = number - 1 - (number - 1) % SPECIAL_FILE_PERIOD  # pages before this period
    kind, detail = SPECIAL_FILES[title].get(number - first, ("page", 0))
    return (kind, detail + first) if isinstance(detail, int) and detail else (kind, detail)


def get_suffix(title: str, number: int) -> str:
    """Return the file format of a page; of ordinary pages every 6th is JPEG, every 9th WebP, the others PNG."""
    kind, detail = get_file_kind(title, number)
    if kind == "repeat":
        return get_suffix(title, int(detail))
    if kind == "format":
        return "jpg" if detail == "rotated" else "png"
    if kind == "rescreenshot":
        return "jpg" if number % 2 else "png"
    if kind in ("broken", "tiny"):
        return "jpg" if detail in ("not-an-image", "empty") else "png"
    return "jpg" if number % 6 == 0 else ("webp" if number % 9 == 8 else "png")


def get_file_name(title: str, number: int) -> str:
    """Return the name of a page's file, for example "003.png"."""
    return f"{number:03d}.{get_suffix(title, number)}"


def draw_screenshot(seed: int, style: Style, number: int) -> tuple[bytes, FileRow]:
    """Draw one file of the sample manga.

    Returns:
        The bytes of the file and its row of ground truth: title, file, kind (page, repeat, rescreenshot, broken or
        tiny), width and height [px] (0 if broken), faces; repeats also have repeat_of (a file name of the same title),
        broken files also have reason.
    """
    kind, detail = get_file_kind(style.title, number)
    row: FileRow = {"title": style.title, "file": get_file_name(style.title, number), "kind": kind}
    if kind == "repeat":
        data, original = draw_screenshot(seed, style, int(detail))
        return data, {**original, **row, "repeat_of": original["file"]}
    rng = make_page_rng(seed, style.title + ":file", number)
    if kind in ("broken", "tiny"):
        data, facts = _draw_unusable_file(rng, kind, str(detail))
        return data, row | facts
    if kind == "rescreenshot":
        picture, faces = draw_story_page(seed, style, int(detail))
        retake = retake_screenshot(rng, picture, phone=number % 2 == 1 or style.title == "paper_moon")
        picture = retake.picture
        moved = (transform_face_row(face, retake.scale, retake.shift, retake.page_box) for face in faces)
        faces = [face for face in moved if face]
        row["repeat_of"] = get_file_name(style.title, int(detail))
    else:
        picture, faces = draw_story_page(seed, style, number)
    row |= {"kind": "page" if kind == "format" else kind, "faces": faces}
    row |= {"width": int(picture.shape[1]), "height": int(picture.shape[0])}
    if kind == "format":
        return SPECIAL_ENCODERS[str(detail)](picture), row
    return encode(picture, get_suffix(style.title, number), quality=82 if kind == "rescreenshot" else 90), row


def _draw_unusable_file(rng: Rng, kind: str, reason: str) -> tuple[bytes, FileRow]:
    """Return the bytes and the size, faces and reason of a file that is broken or too small for a page."""
    noise = rng.integers(0, 256, (16, 16) if kind == "tiny" else (400, 300), dtype=np.uint8)
    if kind == "tiny":
        return encode(noise, "png"), {"width": 16, "height": 16, "faces": []}
    return make_broken_file(rng, reason, noise), {"width": 0, "height": 0, "faces": [], "reason": reason}


def draw_manga(
    directory: Path, seed: int = 0, pages_per_title: int = PAGES_PER_TITLE, workers: int = 1
) -> dict[str, Any]:
    """Draw the sample manga into `directory`/screenshots/<title>/NNN.<png|jpg|webp> and `directory`/truth.json.

    The files depend on the seed and the library versions only. More pages do not change earlier pages.

    Args:
        directory: The output folder. It is created if missing; files of an earlier sample manga are overwritten.
        seed: Seed of all drawings, 0 or more.
        pages_per_title: Files per title, 1 or more, including repeated and broken files.
        workers: Number of processes; it does not affect the files. With more than 1, guard the calling script with
            `if __name__ == "__main__"`.

    Returns:
        The content of truth.json: seed, pages_per_title and pages, a list with one row per file (see
        `draw_screenshot`).

    Raises:
        UserError: `pages_per_title` is below 1, `seed` is negative, or a title's folder contains other files.
    """
    if pages_per_title < 1 or seed < 0:
        raise UserError(
            f"{pages_per_title} pages with seed {seed} not possible. Choose at least 1 page and a seed of at least 0"
        )
    directory = Path(directory)
    jobs = [(seed, style, number) for style in STYLES for number in range(1, pages_per_title + 1)]
    _check_no_other_files(directory, jobs)
    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            rows = _write_files(directory, pool.map(_draw_job, jobs), len(jobs))
    else:
        rows = _write_files(directory, map(_draw_job, jobs), len(jobs))
    truth = {"seed": seed, "pages_per_title": pages_per_title, "pages": rows}
    write_json(directory / "truth.json", truth)
    return truth


def _draw_job(job: tuple[int, Style, int]) -> tuple[bytes, FileRow]:
    return draw_screenshot(*job)


def _check_no_other_files(directory: Path, jobs: list[tuple[int, Style, int]]) -> None:
    expected = {f"{style.title}/{get_file_name(style.title, number)}" for _, style, number in jobs}
    for style in STYLES:
        folder = directory / "screenshots" / style.title
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if f"{style.title}/{path.name}" not in expected:
                raise UserError(f"{path} is not part of this sample manga. Choose an empty folder or delete the file")


def _write_files(directory: Path, files: Iterable[tuple[bytes, FileRow]], total: int) -> list[FileRow]:
    rows = []
    for data, row in track(files, total, "sample", "files"):
        write_bytes(directory / "screenshots" / row["title"] / row["file"], data)
        rows.append(row)
    return rows
