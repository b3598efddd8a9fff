"""The web application: the page, its data, and the requests that save decisions."""

import secrets
import threading
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mangagan.core.errors import UserError
from mangagan.review.changes import compare_with_commit
from mangagan.review.decisions import DecisionBatch
from mangagan.review.next_stages import list_next_stages
from mangagan.review.security import Guard
from mangagan.review.workspace import Workspace

FOLDER = Path(__file__).parent
IMAGE_HEADERS = {"Cache-Control": "private, max-age=31536000, immutable"}  # the address contains a version


def build_app(root: Path, port: int) -> Guard:
    """Return the application for the workspace `root`.

    Args:
        root: The workspace.
        port: Port of the server, for the check of the header `Host`.

    Raises:
        UserError: The manifest or the file of decisions is missing or damaged.
    """
    workspace, token = Workspace(root), secrets.token_urlsafe(32)
    workspace.warm_up()
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"))
    app.add_exception_handler(UserError, respond_user_error)
    add_page(app, workspace, token)
    add_images(app, workspace)
    add_decisions(app, workspace)
    add_dvc(app, workspace)
    return Guard(app, port, token)


def respond_user_error(request: Request, error: Exception) -> Response:
    """Return the message of a UserError: 404 for data that is missing, 503 for a decision that could not be saved."""
    status = HTTPStatus.NOT_FOUND if request.method == "GET" else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse({"detail": str(error)}, status)


def add_page(app: FastAPI, workspace: Workspace, token: str) -> None:
    """Add the page and what it needs to start."""
    environment = Environment(loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined)
    template = environment.get_template("index.html.jinja")
    session = {"token": token, "workspace": workspace.id, "process": secrets.token_hex(8)}

    @app.get("/")
    def show_page() -> Response:
        return HTMLResponse(template.render(folder=workspace.root.resolve().name))

    @app.get("/api/session")
    def read_session() -> Response:
        return JSONResponse(session)

    @app.get("/api/faces")
    def read_faces() -> Response:
        return Response(workspace.read_columns(), media_type="application/json")


def add_images(app: FastAPI, workspace: Workspace) -> None:
    """Add the pictures of faces and pages."""

    @app.get("/faces/{face_id}.png")
    def show_face(face_id: str) -> Response:
        return Response(workspace.read_image(face_id), media_type="image/png", headers=IMAGE_HEADERS)

    @app.get("/pages/{face_id}.jpg")
    def show_page_of_face(face_id: str) -> Response:
        return Response(workspace.read_page(face_id), media_type="image/jpeg", headers=IMAGE_HEADERS)


def add_decisions(app: FastAPI, workspace: Workspace) -> None:
    """Add reading and saving of decisions."""

    def describe(state: Any, known: str) -> dict[str, Any]:
        return {
            "workspace": workspace.id,
            "faces": workspace.current.version,
            "warning": workspace.warning,
            "state": None if state.version == known else state.to_json(),
        }

    @app.get("/api/decisions")
    def read_decisions(version: str = "") -> Response:
        state = workspace.log.read(workspace.read_faces())
        return JSONResponse(describe(state, version))

    @app.post("/api/decisions")
    def save_decisions(batch: DecisionBatch) -> Response:
        if batch.workspace != workspace.id:
            return JSONResponse({"detail": "this server shows another workspace"}, HTTPStatus.CONFLICT)
        try:
            state = workspace.log.append(batch.rows, workspace.read_faces())
        except ValueError as error:
            return JSONResponse({"detail": str(error)}, HTTPStatus.UNPROCESSABLE_ENTITY)
        return JSONResponse(describe(state, ""))


def add_dvc(app: FastAPI, workspace: Workspace) -> None:
    """Add the comparison with the last commit and the list of the stages that run next."""
    status_lock = threading.Lock()

    @app.get("/api/changes")
    def read_changes() -> Response:
        return JSONResponse(compare_with_commit(workspace.root, workspace.read_faces().rows))

    @app.post("/api/next")
    def read_next_stages() -> Response:
        with status_lock:  # `dvc status` fails if another one runs
            return JSONResponse(list_next_stages(workspace.root))
