"""Settings and fixtures for all tests."""

import signal
import sys

import pytest

from mangagan.core.libraries import configure_libraries

# A shell starts background jobs with SIGINT ignored, and child processes inherit that. Tests that send it would hang.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.prefect_fixtures", "tests.review_fixtures"]

configure_libraries()


@pytest.fixture(autouse=True)
def one_torch_thread() -> None:
    """Limit torch to one thread: more do not help tiny networks, and are slower on a busy machine."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
