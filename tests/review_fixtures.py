"""Fixtures of the tests of `mangagan review`: a running server with a new workspace for each test."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import launch_chromium
from tests.review_tab import NETWORK_ERROR, Tab
from tests.review_workspace import Server, make_review_workspace, run_server


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of a module, because its start takes two seconds."""
    with run_server(make_review_workspace(tmp_path_factory.mktemp("review"))) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    """The server, with a new workspace in its folder."""
    shutil.rmtree(running.root / "data")
    make_review_workspace(running.root)
    return running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launch_chromium() as browser:
        yield browser


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context
    context.close()


@pytest.fixture
def tab(context: Any, server: Server) -> Iterator[Tab]:
    tab = Tab(context, server.url)
    yield tab
    assert [text for text in tab.errors if NETWORK_ERROR not in text] == []
