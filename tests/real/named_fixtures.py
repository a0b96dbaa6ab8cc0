"""Fixtures with a real named, explicitly imported by conftest.py."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from bindlab import Lab

from reconciler.demo.named import NamedServer


@pytest.fixture
def named(tmp_path: Path) -> Iterator[NamedServer]:
    """A named that runs as whoever runs the tests."""
    server = NamedServer(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def lab(named: NamedServer) -> Lab:
    """The reconciler's part for BIND over that named."""
    return Lab(named)


@pytest.fixture
def lab_as_bind() -> Iterator[Lab]:
    """The same with a named that runs as user bind, so that owners and modes of files matter."""
    if os.geteuid() != 0:
        pytest.skip("only root can start named as another user")
    # Not under pytest's own folder: only root may enter that.
    folder = Path(tempfile.mkdtemp(prefix="reconciler-named-"))
    folder.chmod(0o755)
    server = NamedServer(folder, user="bind")
    try:
        server.start()
        yield Lab(server)
    finally:
        server.stop()
        shutil.rmtree(folder)
