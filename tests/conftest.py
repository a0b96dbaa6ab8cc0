"""How hypothesis looks for examples: always the same ones where a run decides about a change, new ones elsewhere.

And what is collected: the tests with virtual machines take minutes and packages of their own, so only
`make test-vm` runs them. A test with real servers that fails is run once more, and told as RERUN: the machine under
it may have stood still for a while. What fails twice is broken.
"""

import os
import signal

import pytest
from hypothesis import settings

# No deadline: a loaded machine is no failure.
settings.register_profile("decides", derandomize=True, deadline=None)
settings.register_profile("searches", deadline=None)
settings.load_profile("decides" if os.environ.get("CI") else "searches")

# What starts in the background ignores Ctrl-C, and so would everything that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

collect_ignore = [] if os.environ.get("RECONCILER_VM") else ["vm"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("real") or item.get_closest_marker("net"):
            item.add_marker(pytest.mark.flaky(reruns=1))
