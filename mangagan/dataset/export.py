"""Export of the dataset as PNG files with `metadata.csv`, the format of Hugging Face's ImageFolder."""

from pathlib import Path

from mangagan.core import catalog
from mangagan.core.files import write_bytes, write_text
from mangagan.core.progress import track
from mangagan.faces.table import read_faces

SPLITS = {"train": catalog.TRAIN_FACES, "test": catalog.HOLDOUT_FACES}  # split names of ImageFolder


def export_faces(root: Path, directory: Path) -> int:
    """Write `directory`/<split>/<face_id>.png and `directory`/<split>/metadata.csv.

    Args:
        root: The workspace.
        directory: Folder for the files.

    Returns:
        Number of faces written.

    Raises:
        UserError: The dataset is missing.
    """
    count = 0
    for split, path in SPLITS.items():
        faces = read_faces(root / path)
        for face in track(faces.itertuples(), len(faces), f"export {split}", "faces"):
            write_bytes(directory / split / f"{face.face_id}.png", face.png)
        metadata = faces.drop(columns="png")
        metadata.insert(0, "file_name", metadata["face_id"] + ".png")
        write_text(directory / split / "metadata.csv", metadata.to_csv(index=False, lineterminator="\n"))
        count += len(faces)
    return count
