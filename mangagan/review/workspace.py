"""The data of a workspace behind the page."""

import json
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

from mangagan.core import catalog, params
from mangagan.core.errors import UserError
from mangagan.core.files import sha256_bytes
from mangagan.dataset.dedup import DedupParams
from mangagan.dataset.overrides import IMPORTED
from mangagan.review.decisions import DecisionLog
from mangagan.review.faces import FaceList, find_image_file, make_columns, read_face_list, sign_file
from mangagan.review.images import FaceImages
from mangagan.review.pages import PagePictures


class Workspace:
    """Faces, decisions, images and pages of a workspace, for several threads. Changed files are read again.

    Attributes:
        id: Text that identifies the workspace, so that a page never sends its decisions to another one.
        warning: Why the manifest cannot be read at the moment; empty if it can.
    """

    def __init__(self, root: Path) -> None:
        """Read the manifest, the decisions and `dedup.min_similarity`.

        Args:
            root: The workspace.

        Raises:
            UserError: One of the files is missing or damaged.
        """
        self.root = root
        self.id = sha256_bytes(str(root.resolve()).encode())[:16]
        self.warning = ""
        self.lock = threading.Lock()
        self.current = read_face_list(root)
        self.min_similarity = params.load("dedup", DedupParams, root).min_similarity
        self.log = DecisionLog(root)
        self.log.read(self.current)
        self.images = FaceImages(root)
        self.pages = PagePictures(root)
        self.encode_columns = lru_cache(maxsize=1)(self._encode_columns)

    def read_faces(self) -> FaceList:
        """Return the faces of the manifest. If the file is missing or damaged, return those read before."""
        with self.lock:
            if sign_file(self.root / catalog.MANIFEST) != self.current.signature:
                try:
                    self.current, self.warning = read_face_list(self.root), ""
                except UserError as error:
                    self.warning = str(error)
            return self.current

    def warm_up(self) -> None:
        """Prepare the answers that the page needs first, in the background."""
        threading.Thread(target=self.read_columns, daemon=True).start()
        if len(self.current.rows):
            self.images.load(find_image_file(self.root, self.current.rows.iloc[0].to_dict()))

    def read_columns(self) -> bytes:
        """Return the faces as JSON, see `make_columns`."""
        faces = self.read_faces()
        with self.lock:
            return self.encode_columns(faces.version)

    def read_image(self, face_id: str) -> bytes:
        """Return the PNG of a face.

        Raises:
            UserError: There is no such face, or its file is missing.
        """
        face = self._find(face_id)
        path = find_image_file(self.root, face)
        png = self.images.read(path, face_id)
        if png is None:
            raise UserError(f"{path} has no face {face_id}. Run: dvc repro dedup")
        return png

    def read_page(self, face_id: str) -> bytes:
        """Return the page of a face with its box, as JPEG.

        Raises:
            UserError: There is no such face, or it has no page, or the page is missing or damaged.
        """
        face = self._find(face_id)
        if face["detector"] == IMPORTED:
            raise UserError(f"the face was imported without a page. Its file: {face['source']}")
        return self.pages.read(face["title"], face["page_id"], [face[name] for name in "xywh"])

    def _find(self, face_id: str) -> dict[str, Any]:
        """Return the row of a face.

        Raises:
            UserError: There is no such face.
        """
        face = self.read_faces().find(face_id)
        if face is None:
            raise UserError(f"{catalog.MANIFEST} has no face {face_id}. Reload the page")
        return face

    def _encode_columns(self, version: str) -> bytes:
        """Encode the faces. `version` is that of the manifest; a new one encodes again."""
        columns = make_columns(self.current, self.min_similarity)
        return json.dumps(columns, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
