"""A Prefect server for all tests of a session: a process can hold only one test harness."""

from collections.abc import Iterator

import pytest

from tasks.environment import set_defaults


@pytest.fixture(scope="session")
def api() -> Iterator[str]:
    """Start a Prefect server and yield its address. The start takes half a minute, and minutes on a busy machine."""
    set_defaults()  # Prefect reads these environment variables on import
    from prefect.settings import get_current_settings
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=240):
        yield str(get_current_settings().api.url)
