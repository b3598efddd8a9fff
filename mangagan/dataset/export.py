"""Export of the dataset as PNG files with `metadata.csv`, the format of Hugging Face's ImageFolder."""

from pathlib import Path

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.core.files import write_bytes, write_text
from mangagan.core.images import decode_png
from mangagan.core.progress import track
from mangagan.dataset.card import make_card
from mangagan.faces.table import read_faces

SPLITS = {"train": catalog.TRAIN_FACES, "test": catalog.HOLDOUT_FACES}  # split names of ImageFolder
CARD = "README.md"


def export_faces(root: Path, directory: Path) -> int:
    """Write `directory`/<split>/<face_id>.png, `directory`/<split>/metadata.csv and `directory`/README.md.

    A split without faces is left out. Missing numbers are empty.

    Args:
        root: The workspace.
        directory: Folder for the files.

    Returns:
        Number of faces written.

    Raises:
        UserError: The dataset is missing or holds no face.
    """
    columns = [*catalog.column_names(catalog.DATASET_COLUMNS), "image"]
    splits = {split: read_faces(root / path, columns) for split, path in SPLITS.items()}
    splits = {split: faces for split, faces in splits.items() if len(faces)}
    if not splits:
        raise UserError(f"{catalog.TRAIN_FACES} holds no face. Add pages and run: dvc repro dedup")
    for split, faces in splits.items():
        for face in track(faces.itertuples(), len(faces), f"export {split}", "faces"):
            write_bytes(directory / split / f"{face.face_id}.png", face.png)
        metadata = faces.drop(columns="png")
        metadata.insert(0, "file_name", metadata["face_id"] + ".png")
        write_text(directory / split / "metadata.csv", metadata.to_csv(index=False, lineterminator="\n"))
    side = decode_png(next(iter(splits.values()))["png"].iloc[0], channels=1).shape[0]
    write_text(directory / CARD, make_card(splits, side))
    return sum(map(len, splits.values()))
