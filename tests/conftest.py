"""Settings and fixtures of all tests."""

import signal
import sys

import pytest

from mangagan.core.libraries import configure_libraries

# A shell starts background jobs with SIGINT ignored, and child processes inherit that: tests that send it would hang.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

configure_libraries()


@pytest.fixture(autouse=True)
def one_torch_thread() -> None:
    """Limit torch to one thread: tiny networks gain nothing from more, and a busy machine makes more threads slower."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
