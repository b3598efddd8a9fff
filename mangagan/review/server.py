"""The server of the page, on this machine only."""

import errno
import socket
import threading
import webbrowser
from pathlib import Path

from mangagan.core.errors import UserError

HOST = "127.0.0.1"
MAX_PORT = 65535


def open_socket(port: int) -> socket.socket:
    """Return a socket that is bound to a port of this machine. 0: any free port.

    Raises:
        UserError: The port is in use, or only the administrator may use it.
    """
    # asyncio sends small answers without a delay of 40 ms only if the protocol is given.
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a killed server does not block its port
    try:
        server.bind((HOST, port))
        server.listen()
    except OSError as error:
        server.close()
        other = f"choose another port, for example: mangagan review --port {port + 1 if port < MAX_PORT else port - 1}"
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"port {port} is in use, perhaps by another `mangagan review`. Stop it, or {other}"
            ) from None
        if error.errno == errno.EACCES:
            raise UserError(f"port {port} is reserved for the administrator; {other}") from None
        raise
    return server


def serve(root: Path, port: int, browser: bool) -> None:
    """Serve the page of the workspace `root` until the process is interrupted.

    Args:
        root: The workspace.
        port: Port on this machine. 0: any free port.
        browser: Open the page in the browser.

    Raises:
        UserError: The port is in use, or the manifest is missing or damaged.
    """
    import uvicorn

    from mangagan.review.app import build_app

    class AnnouncingServer(uvicorn.Server):
        """A server that prints its address when it is ready.

        Only then uvicorn handles SIGINT. During imports, Python ignores exceptions in some callbacks and can lose a
        Ctrl-C.
        """

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            print(f"review: {url}   decisions are saved in data/overrides.csv; stop with Ctrl-C", flush=True)
            if browser:
                threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    with open_socket(port) as listener:
        chosen = listener.getsockname()[1]
        url = f"http://{HOST}:{chosen}/"
        config = uvicorn.Config(
            build_app(root, chosen),
            http="h11",
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
        )
        AnnouncingServer(config).run(sockets=[listener])
