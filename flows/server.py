"""The Prefect server that a run reports to: the configured one, or a temporary one."""

import signal
import sys
import threading
from concurrent.futures import Future

from mangagan.core.errors import UserError


def server() -> str | None:
    """The address of the configured server, None where none is configured.

    Raises:
        UserError: it does not answer.
    """
    from prefect.client.orchestration import get_client
    from prefect.settings import get_current_settings

    url = get_current_settings().api.url
    if not url:
        return None
    with get_client(sync_client=True) as client:
        error = client.api_healthcheck()
    if error:
        raise UserError(f"no Prefect server answers at {url}: run `prefect server start` or unset PREFECT_API_URL")
    return str(url)


def start_temporary_server() -> None:
    """Starts Prefect's temporary server, which ends with this process.

    Prefect would start it by itself, but then a terminal's Ctrl-C reaches the server as well, and the run cannot tell
    anyone that it was stopped: it retries for a minute and dies with a traceback. A process starts with the signals
    blocked that its starter's thread has blocked, so it is started from a thread that blocks this one.

    Raises:
        UserError: it did not start.
    """
    from prefect.server.api.server import SubprocessASGIServer

    print("starting a temporary Prefect server; point PREFECT_API_URL at a running one to skip this", file=sys.stderr)
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
        raise UserError(f"no temporary Prefect server: {' '.join(str(error).split())}") from error
