"""Every test runs offline: the hub client is told so, and a connection to any other machine fails."""

import os
import shutil
import socket
from typing import Any

import pytest
from hypothesis import settings

# Before anything imports the hub client, and inherited by the commands that tests start.
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}

# A busy machine is no reason to fail.
settings.register_profile("stance", deadline=None)
settings.load_profile("stance")

_connect = socket.socket.connect


def _connect_here(self: socket.socket, address: Any) -> None:
    here = self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1", "localhost")
    if not here:
        raise OSError(f"tests run offline, and something asked for {address!r}")
    _connect(self, address)


@pytest.fixture(autouse=True, scope="session")
def offline() -> Any:
    """Refuse connections for the whole session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _connect_here)
        yield


@pytest.fixture(scope="session")
def browser() -> Any:
    """A real Chromium. Without one these tests are passed over, save where STANCE_BROWSER says that one is there."""
    path = os.environ.get("STANCE_BROWSER") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium here: install one, or name it in STANCE_BROWSER")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # A container's root user has no sandbox to put it in; the pages are our own.
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()
