"""Protection of the page from other web sites: which requests are answered, and which headers the answers get.

Any web site that is open in the same browser can send requests to this machine, under the address of the page or under
a name that resolves to it (DNS rebinding). It cannot choose the headers `Host`, `Origin` and `Sec-Fetch-Site`, and it
cannot read the token.
"""

import hmac
from collections.abc import Mapping
from http import HTTPStatus

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_HEADER = "X-Review-Token"
MAX_BODY_BYTES = 16 * 2**20  # of a request; a decision needs about 200 bytes
READ_METHODS = ("GET", "HEAD")
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
RESPONSE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def list_hosts(port: int) -> frozenset[str]:
    """Return the values of the header `Host` that are accepted."""
    return frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))


def find_refusal(method: str, headers: Mapping[str, str], port: int, token: str) -> tuple[HTTPStatus, str] | None:
    """Return status and reason if a request must be refused. None if it is accepted.

    Args:
        method: Method of the request.
        headers: Headers of the request; names are not case-sensitive.
        port: Port of the server.
        token: Token that every request other than GET and HEAD must have in `TOKEN_HEADER`.
    """
    host = headers.get("host", "")
    if host not in list_hosts(port):
        return HTTPStatus.FORBIDDEN, f"this server is only available as http://127.0.0.1:{port}/"
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return HTTPStatus.FORBIDDEN, f"requests of other web sites are refused. Open http://{host}/ directly"
    if headers.get("origin", f"http://{host}") != f"http://{host}":
        return HTTPStatus.FORBIDDEN, "requests of other origins are refused"
    if method in READ_METHODS:
        return None
    if not hmac.compare_digest(headers.get(TOKEN_HEADER, "").encode(), token.encode()):
        return HTTPStatus.FORBIDDEN, f"the header {TOKEN_HEADER} is missing or wrong. Reload the page"
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must be JSON"
    length = headers.get("content-length", "")
    if not length.isdecimal():
        return HTTPStatus.LENGTH_REQUIRED, "the header Content-Length is missing"
    if int(length) > MAX_BODY_BYTES:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {MAX_BODY_BYTES >> 20} MiB"
    return None


class Guard:
    """The outermost layer of the application: refuses requests, and adds `RESPONSE_HEADERS` to every answer."""

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        """Wrap an application.

        Args:
            app: The application.
            port: Port of the server.
            token: Token of the requests that change something.
        """
        self.app, self.port, self.token = app, port, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(RESPONSE_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if scope["type"] != "http":  # nothing else is offered
            return
        refusal = find_refusal(scope["method"], Headers(scope=scope), self.port, self.token)
        answer = self.app if refusal is None else JSONResponse({"detail": refusal[1]}, refusal[0])
        await answer(scope, receive, send_protected)
