"""The dataset card of an export: README.md with the metadata that Hugging Face reads."""

from collections.abc import Mapping

import pandas as pd

from mangagan.core import catalog

TYPES = {"string": "string", "int32": "int32", "float64": "float64", "bool": "bool"}  # Arrow type → type in a card
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
LARGEST = "1M<n<10M"
IMPORTED = "import"  # value of the column `detector` for faces that were not detected

TEXT = """\
# Manga faces

{faces} square faces of {titles} {title_word}, {side} px, as PNG. Made with mangagan.

**All rights to the pages, and to the faces cropped from them, stay with the owners of the pages.** This export grants
no rights and has no licence. Do not publish the faces, or a model trained on them, without permission of the owners.
The columns `source` and `title` contain names of files of the person who made the export.

## How the faces were found

{origin}

Not included: faces that fail a quality gate, near-duplicates of a better face, and faces that a person dropped.

## Splits

| split | faces |
|---|---|
{splits}

`test` is the hold-out set. Its faces are from other pages than those of `train`.

## Columns

| column | type | meaning |
|---|---|---|
| `file_name` | string | name of the PNG in the folder of the split; `datasets` reads it as `image` |
{columns}

## Use

    from datasets import load_dataset
    from datasets.info import DatasetInfosDict

    folder = "path/of/this/folder"
    features = DatasetInfosDict.from_directory(folder)["default"].features  # the types above
    faces = load_dataset(folder, features=features)
    faces["train"][0]["image"]

`load_dataset("imagefolder", data_dir=folder)` also works. Without `features`, `datasets` guesses each type from the
text: the title `01` becomes the number 1, and if the two splits lead to different guesses, loading fails.
"""


def make_card(splits: Mapping[str, pd.DataFrame], side: int) -> str:
    """Return the text of README.md.

    Args:
        splits: Name of the folder → faces with `catalog.DATASET_COLUMNS`; at least one face in each.
        side: Height and width of a face [px].
    """
    faces = pd.concat(splits.values())
    titles = faces["title"].nunique()
    text = TEXT.format(
        faces=f"{len(faces):,}",
        titles=titles,
        title_word="title" if titles == 1 else "titles",
        side=side,
        origin=describe_origin(faces),
        splits="\n".join(f"| {name} | {len(rows):,} |" for name, rows in splits.items()),
        columns="\n".join(
            f"| `{column.name}` | {column.type} | {column.about} |" for column in catalog.DATASET_COLUMNS
        ),
    )
    return f"---\n{make_metadata(splits)}---\n\n{text}"


def make_metadata(splits: Mapping[str, pd.DataFrame]) -> str:
    """Return the metadata of a card as YAML. There is no licence, because the owner of the pages has the rights."""
    columns = [f"  - name: {column.name}\n    dtype: {TYPES[column.type]}\n" for column in catalog.DATASET_COLUMNS]
    files = [f"  - split: {name}\n    path: {name}/**\n" for name in splits]
    counts = [f"  - name: {name}\n    num_examples: {len(rows)}\n" for name, rows in splits.items()]
    parts = [
        "pretty_name: Manga faces\n",
        "task_categories:\n- unconditional-image-generation\n",
        f"size_categories:\n- {find_size_category(sum(map(len, splits.values())))}\n",
        "tags:\n- manga\n- faces\n",
        "configs:\n- config_name: default\n  data_files:\n",
        *files,
        "dataset_info:\n  config_name: default\n  features:\n  - name: image\n    dtype: image\n",
        *columns,
        "  splits:\n",
        *counts,
    ]
    return "".join(parts)


def find_size_category(count: int) -> str:
    """Return Hugging Face's name for a number of rows."""
    return next((name for limit, name in SIZES if count < limit), LARGEST)


def describe_origin(faces: pd.DataFrame) -> str:
    """Return sentences about the detectors that found the faces."""
    counts = faces.groupby(["detector", "detector_version"]).size()
    return "\n".join(
        f"- {count:,} faces were imported as crops that already existed."
        if detector == IMPORTED
        else f"- {count:,} faces were found on pages by the detector `{detector}` (version `{version}`)."
        for (detector, version), count in counts.items()
    )
