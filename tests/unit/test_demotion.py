"""A demotion waits for an apply, not for a pass that only computes."""

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.daemon import demotion
from reconciler.daemon.loop import Loop
from reconciler.daemon.outcome import PassReport, Result, Wake
from reconciler.role.base import RoleReport


class Slow:
    """A loop in the middle of a pass that lasts until `go_on`."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.loop = Loop(self.make, resync=3600)
        self.thread = threading.Thread(target=self.loop.run)

    def make(self, wake: Wake, say: Callable[[str], None]) -> PassReport:
        self.begun.set()
        self.go_on.wait(60)
        return PassReport(Result.STANDBY, None, (), time.time())

    def __enter__(self) -> "Slow":
        self.thread.start()
        assert self.begun.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self.loop.stop()
        self.thread.join(60)


def terms_of(applier: Any, order: list[str]) -> Any:
    receiving = SimpleNamespace(refuse_new=lambda text: None, wait=lambda seconds: None, wait_or_end=lambda seconds: [])
    node = SimpleNamespace(receiving=receiving, applier=applier)
    return SimpleNamespace(
        paired=True,
        begun=True,
        passes=SimpleNamespace(node=node),
        duty=SimpleNamespace(
            read=lambda: RoleReport((), None, "7:1"), resign=lambda reason, given: order.append(f"resigned {given}")
        ),
        release=lambda reason, given: order.append("released") or [],
    )


def test_a_pass_that_only_computes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demotion, "_THINKING", 0.01)
    monkeypatch.setattr(demotion, "_LAST", 0.01)
    order: list[str] = []
    said: list[str] = []
    with Slow() as slow:
        assert demotion.demote(terms_of(SimpleNamespace(busy=False), order), slow.loop, "root", said.append) == 0
    assert order[0] == "resigned 7:1"
    assert said[-1].startswith("demoted ")


def test_an_apply_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demotion, "_THINKING", 0.01)
    order: list[str] = []
    with Slow() as slow:

        class Busy:
            looks = 0

            @property
            def busy(self) -> bool:
                Busy.looks += 1
                if Busy.looks == 3:
                    slow.go_on.set()
                return True

        assert demotion.demote(terms_of(Busy(), order), slow.loop, "root", lambda text: None) == 0
    assert order == ["released"]
