"""`mangagan review` refuses requests of other web sites."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

import mangagan.review
from mangagan.core import catalog
from mangagan.review.security import MAX_BODY_BYTES, find_refusal
from tests.review_workspace import Server, make_review_workspace, run_server

PACKAGE = Path(mangagan.review.__file__).parent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with run_server(make_review_workspace(tmp_path_factory.mktemp("review"))) as server:
        yield server


def post_headers(server: Server, **changes: str) -> dict[str, str]:
    """Return the headers of a valid request, with changes; an empty value removes a header."""
    token = server.get("/api/session")["token"]
    headers = {"Content-Type": "application/json", "Content-Length": "", "X-Review-Token": token}
    return {name: value for name, value in {**headers, **changes}.items() if value}


def post(server: Server, headers: dict[str, str]) -> tuple[int, str]:
    rows = [{"face_id": "alpha-006", "action": "drop"}]
    body = json.dumps({"workspace": server.get("/api/session")["workspace"], "rows": rows}).encode()
    response, answer = server.request("POST", "/api/decisions", body, {"Content-Length": str(len(body)), **headers})
    return response.status, answer.decode()


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "localhost:{}", "[::1]:{}"])
def test_own_hosts_are_answered(server: Server, host: str) -> None:
    assert server.request("GET", "/", headers={"Host": host.format(server.port)})[0].status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example:{}", "127.0.0.1.evil.example:{}", "127.0.0.1:1", "127.0.0.1", "0.0.0.0:{}", "localhost.:{}", ""],
)
@pytest.mark.parametrize("path", ["/", "/api/session", "/api/faces", "/faces/alpha-000.png", "/static/main.js"])
def test_foreign_hosts_are_refused(server: Server, host: str, path: str) -> None:
    response, body = server.request("GET", path, headers={"Host": host.format(server.port)})
    assert response.status == 403
    assert b"token" not in body


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/", "/api/session", "/faces/alpha-000.png"])
def test_reading_from_other_sites_is_refused(server: Server, site: str, path: str) -> None:
    assert server.request("GET", path, headers={"Sec-Fetch-Site": site})[0].status == 403


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"X-Review-Token": ""}, 403),
        ({"X-Review-Token": "wrong"}, 403),
        ({"X-Review-Token": "é"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_posts_of_other_sites_save_nothing(server: Server, changes: dict[str, str], status: int) -> None:
    headers = {
        name: value.encode("latin-1").decode("latin-1") for name, value in post_headers(server, **changes).items()
    }
    answered, text = post(server, headers)
    assert answered == status, text
    assert not (server.root / catalog.OVERRIDES).exists()


def test_body_must_have_a_bounded_length(server: Server) -> None:
    headers = post_headers(server)
    assert server.request("POST", "/api/decisions", b"", headers)[0].status == 411
    headers["Content-Length"] = str(MAX_BODY_BYTES + 1)
    assert server.request("POST", "/api/decisions", b"", headers)[0].status == 413
    assert server.request("POST", "/api/next", b"", {"Content-Length": "0"})[0].status == 403


def test_own_post_is_accepted(tmp_path: Path) -> None:
    with run_server(make_review_workspace(tmp_path)) as own:
        own_origin = {"Origin": f"http://127.0.0.1:{own.port}", "Sec-Fetch-Site": "same-origin"}
        assert post(own, post_headers(own, **own_origin))[0] == 200
        old = post_headers(own)
        own.kill()
        own.restart()
        assert post(own, old)[0] == 403, "each process has its own token"


def test_other_methods_need_the_token_too() -> None:
    headers = {"host": "127.0.0.1:8765", "content-type": "application/json", "content-length": "0"}
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert find_refusal(method, headers, 8765, "secret") is not None
    assert find_refusal("HEAD", headers, 8765, "secret") is None


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/api/faces", "/faces/alpha-000.png", "/no/such/page"])
def test_answers_forbid_everything_that_the_page_does_not_need(server: Server, path: str) -> None:
    headers = server.request("GET", path)[0].headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert all(policy[name] == "'self'" for name in ("script-src", "style-src", "img-src", "connect-src"))
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
    assert "Server" not in headers


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/docs", "/openapi.json"]
)
def test_nothing_else_is_served(server: Server, path: str) -> None:
    assert server.request("GET", path)[0].status in (400, 404)


class InlineFinder(HTMLParser):
    """Collects what a strict policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        self.found += [f"{tag} {name}" for name in names if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(tag)
        self.found += [
            f"{tag} {value}"
            for name, value in attrs
            if name in ("src", "href") and not (value or "").startswith("/static/")
        ]


def test_page_has_no_inline_script_and_no_external_asset(server: Server) -> None:
    finder = InlineFinder()
    finder.feed(server.request("GET", "/")[1].decode())
    assert finder.found == []
    for path in (PACKAGE / "static").iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text and "https://" not in text and "@import" not in text, path
        assert "innerHTML" not in text and "eval(" not in text, path
        assert server.request("GET", f"/static/{path.name}")[0].status == 200
