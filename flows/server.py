"""The Prefect server of a run: the configured one, or a temporary one."""

import signal
import sys
import threading
from concurrent.futures import Future

from mangagan.core.errors import UserError


def find_server() -> str | None:
    """Return the address of the configured Prefect server; None if none is configured.

    Raises:
        UserError: The server does not answer.
    """
    from prefect.client.orchestration import get_client
    from prefect.settings import get_current_settings

    url = get_current_settings().api.url
    if not url:
        return None
    with get_client(sync_client=True) as client:
        error = client.api_healthcheck()
    if error:
        raise UserError(f"no Prefect server answers at {url}. Run: prefect server start, or unset PREFECT_API_URL")
    return str(url)


def start_temporary_server() -> None:
    """Start Prefect's temporary server; it ends with this process.

    Prefect would start it without this function, but then Ctrl-C in a terminal also ends the server, and the run cannot
    report that it was stopped: it retries for a minute and ends with a traceback. A process inherits the blocked
    signals of the thread that starts it, so the server is started from a thread that blocks SIGINT.

    Raises:
        UserError: The server did not start.
    """
    from prefect.server.api.server import SubprocessASGIServer

    print("starting a temporary Prefect server (set PREFECT_API_URL to use a running one)", file=sys.stderr)
    started: Future[None] = Future()

    def start() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            SubprocessASGIServer().start()
        except (RuntimeError, OSError) as error:
            started.set_exception(error)
        else:
            started.set_result(None)

    threading.Thread(target=start, daemon=True, name="start-server").start()
    try:
        started.result()
    except (RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"the temporary Prefect server did not start: {reason}. Run: prefect server start") from error
