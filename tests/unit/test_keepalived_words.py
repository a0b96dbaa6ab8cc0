"""Where reconciler-keepalived moves, from keepalived's words and from its silence."""

import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

HOOKS = Path(__file__).resolve().parents[2] / "hooks"


def load() -> ModuleType:
    os.environ["RECONCILER_HOOKS"] = str(HOOKS)
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        loader = importlib.machinery.SourceFileLoader("keepalived_hook", str(HOOKS / "reconciler-keepalived"))
        spec = importlib.util.spec_from_loader("keepalived_hook", loader)
        assert spec
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
    finally:
        del os.environ["RECONCILER_HOOKS"]
        sys.path.remove(str(HOOKS))
        sys.dont_write_bytecode = before
    return module


HOOK = load()
UP, DOWN, HOLD = HOOK.Way.UP, HOOK.Way.DOWN, HOOK.Way.HOLD
LONG = HOOK.GRACE + 1
seconds = st.none() | st.floats(0, 100)


@pytest.mark.parametrize("stay", [True, False])
def test_the_last_word_counts_while_keepalived_runs(stay):
    for word, way in (("MASTER", UP), ("BACKUP", DOWN), ("FAULT", DOWN), ("STOP", DOWN), ("", HOLD)):
        assert HOOK.decide(word, stay=stay) == (way, False)


def test_keepalived_stops_reloads_or_dies_under_its_own_script():
    assert HOOK.decide("STOP", stay=False, asked=0.1) == (DOWN, True)
    assert HOOK.decide("STOP", stay=False, asked=0.1, closed=0.0) == (DOWN, True)
    assert HOOK.decide("MASTER", stay=False, asked=0.1, closed=0.0) == (HOLD, True), "a reload: the next one goes on"
    assert HOOK.decide("MASTER", stay=False, closed=0.0) == (DOWN, True), "killed"
    assert HOOK.decide("MASTER", stay=False, closed=0.0, asked=0.1, orphan=True) == (DOWN, True), "killed"
    assert HOOK.decide("MASTER", stay=False, asked=LONG) == (DOWN, True), "somebody else's SIGTERM"


def test_keepalived_stops_reloads_or_dies_beside_the_unit():
    assert HOOK.decide("STOP", stay=True, closed=0.0) == (DOWN, False)
    assert HOOK.decide("MASTER", stay=True, closed=0.1) == (HOLD, False), "it may be a reload"
    assert HOOK.decide("MASTER", stay=True, closed=LONG) == (DOWN, False)
    assert HOOK.decide("MASTER", stay=True, asked=0.0) == (DOWN, True)


@given(st.sampled_from(["", "MASTER", "BACKUP", "FAULT", "STOP", "DELETED"]), st.booleans(), seconds, seconds)
def test_up_is_only_for_a_keepalived_that_is_there_and_says_master(word, stay, closed, asked):
    way, end = HOOK.decide(word, stay=stay, closed=closed, asked=asked)
    if way is UP:
        assert (word, closed, asked, end) == ("MASTER", None, None, False)
    if end and way is not DOWN:
        assert way is HOLD and not stay and closed is not None and asked is not None


def test_settings_are_read_as_sh_reads_them():
    text = "# it's a comment\n\nGROUP=\"a::b  c\"  # behind\nFOLLOW='X Y'\nTAKEOVER_SECONDS=5\n"
    conf = HOOK.read_conf(text)
    assert (conf["GROUP"], conf["FOLLOW"], conf["TAKEOVER_SECONDS"]) == ("a::b  c", "X Y", "5")
    assert conf["RUN"] == "/run/reconciler-ha"
    with pytest.raises(ValueError):
        HOOK.read_conf("GROUP='open\n")
