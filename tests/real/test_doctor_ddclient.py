"""`reconciler doctor` and what ddclient believes to have published; the real ddclient, a provider on loopback."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from doctorlab import Patient, write
from servers import wait_until
from test_wan_daemon import Made
from wanlab import NEW, OLD

from reconciler.doctor.finding import Level

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("ddclient") is None, reason="ddclient is not installed"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A node that has published its address."""
    made = Made(tmp_path_factory.mktemp("doctor"))
    try:
        made.start()
        made.clone.change({"site.yaml": made.wan()})
        made.is_published(NEW)
        yield made
    finally:
        made.node.stop()
        made.provider.stop()


@pytest.fixture(scope="module")
def sick(made: Made) -> Patient:
    return Patient(made.node, made.clone)


@pytest.fixture(scope="module")
def known(sick: Patient) -> dict[Path, str]:
    """The record of what was published, and ddclient's cache."""
    folder = sick.node.root / "state/ddclient"
    (cache,) = folder.glob("*.cache")
    return {path: path.read_text() for path in (folder / "wan.json", cache)}


@pytest.fixture
def cache(known: dict[Path, str]) -> Path:
    """The cache's path, with cache and record as they were after the address had been published."""
    for path, text in known.items():
        path.write_text(text)
    return path


def test_nothing_is_wrong_with_what_was_published(sick: Patient, cache: Path) -> None:
    assert cache.exists()
    sick.is_well("ddclient")


def test_a_cache_that_is_gone_or_cut(sick: Patient, cache: Path) -> None:
    cache.write_text("## ddclient-3.10\natime=1")
    sick.trouble("ddclient", f"{cache} is cut or empty", "reconciler wan publish", level=Level.WARNING)
    cache.unlink()
    says = "example.net., www.example.net.: ddclient's cache is not in"
    finding = sick.trouble("ddclient", says, "reconciler wan publish", level=Level.WARNING)
    sick.follow(finding)
    wait_until(lambda: not sick.troubles("ddclient"), what="public DNS was looked at, and shows it")


def test_a_cache_that_believes_in_another_address(sick: Patient, cache: Path) -> None:
    cache.write_text(cache.read_text().replace(NEW, OLD))
    says = f"ddclient believes in {OLD} ({cache}), what was sent last is {NEW}"
    sick.follow(sick.trouble("ddclient", says, "reconciler wan publish"))
    wait_until(lambda: not sick.troubles("ddclient"), what="public DNS was looked at, and shows it")


def test_a_provider_that_said_no(sick: Patient, cache: Path) -> None:
    wan = cache.with_name("wan.json")
    document = json.loads(wan.read_text())
    (record,) = document["records"].values()
    record.update(outcome="refused", text="provider says badauth")
    wan.write_text(json.dumps(document))
    sick.trouble("ddclient", "provider says badauth", "reconciler wan publish")


def test_ddclient_is_not_installed(sick: Patient, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache.exists()
    (tmp_path / "git").symlink_to(shutil.which("git") or os.devnull)
    monkeypatch.setenv("PATH", str(tmp_path))
    sick.trouble("ddclient", "ddclient is not installed", "apt-get install ddclient")
    write(tmp_path / "ddclient", "#!/bin/sh\nexit 0\n")
    sick.trouble("ddclient", "tells no version", "apt-get install ddclient")
