"""The machines for the tests: prepared once, and each test gets a fresh copy of them."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vm import drbd, install, pair, project, trio
from vm.load import Load
from vm.machine import CARDS, Disks
from vm.report import Report
from vm.trio import Source, Trio

HERE = Path(__file__).parent
FAILED = pytest.StashKey[bool]()
REPORT = pytest.StashKey[Report]()
STATE = (
    "reconciler role; reconciler status; cat /proc/drbd; ip -br address; mount | grep drbd;"
    " tail -n 60 /root/load/*.log; journalctl --no-pager --output=short-precise --lines=300"
)
"""What each machine tells when a test with it failed."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORT] = Report()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    report = config.stash[REPORT]
    if report.rows:
        terminalreporter.section("two nodes in virtual machines")
        for line in report.lines():
            terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    made = yield
    if made.failed:
        item.stash[FAILED] = True
    return made


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Short, since the name of a unix socket is bounded (unix(7): 108 bytes)."""
    made = Path(tempfile.mkdtemp(prefix="rvm."))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="session")
def image() -> Path:
    """What the machines boot; an image that cannot be built is an error, never a skip."""
    built = subprocess.run([HERE / "image.sh"], stdout=subprocess.PIPE, text=True, check=True)
    return Path(built.stdout.strip())


@pytest.fixture(scope="session")
def blank(folder: Path, image: Path) -> Source:
    """Machines that have never booted."""
    (folder / "project").mkdir()
    fresh = Disks(image / "root.qcow2")
    return Source(image, project.disk(folder / "project"), dict.fromkeys(CARDS, fresh))


@contextmanager
def told(machines: Trio, failed: Callable[[], bool]) -> Iterator[Trio]:
    """Print what the machines have to say if the test that uses them failed."""
    try:
        yield machines
    finally:
        if failed():
            for machine in machines.all:
                if machine.is_on:
                    print(f"\n==== {machine.card.name}\n{machine.ask(STATE).out}")


@pytest.fixture(scope="session")
def installed(folder: Path, blank: Source) -> Source:
    """The program on both nodes, and DRBD connected; nothing is mounted and no service of ours runs."""
    with trio.running(folder / "i", blank) as machines:
        machines.on_both(install.install)
        drbd.configure(machines)
        return trio.save(machines, folder / "installed", blank)


@pytest.fixture(scope="session")
def serving(folder: Path, installed: Source) -> Source:
    """A pair under heartbeat, node-a primary, the first push served."""
    done = False
    with trio.running(folder / "s", installed) as machines, told(machines, lambda: not done):
        pair.configure(machines)
        pair.start(machines)
        saved = trio.save(machines, folder / "serving", installed)
        done = True
    return saved


@pytest.fixture
def bare(folder: Path, installed: Source) -> Iterator[Trio]:
    """Machines with DRBD, without heartbeat and servers."""
    with trio.running(folder / "t", installed) as machines:
        yield machines


@pytest.fixture
def nodes(folder: Path, serving: Source, request: pytest.FixtureRequest) -> Iterator[Trio]:
    """A pair that serves, its load not started."""
    failed = request.node.stash
    with trio.running(folder / "t", serving) as machines, told(machines, lambda: failed.get(FAILED, False)):
        yield machines


@pytest.fixture
def work(nodes: Trio) -> Load:
    return Load(nodes.client)


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    return request.config.stash[REPORT]
