"""One process at a time makes passes on a node."""

from pathlib import Path

import pytest

from reconciler.daemon.lock import exclusive
from reconciler.errors import ConfigError


def test_a_second_one_is_refused_until_the_first_has_gone(tmp_path: Path) -> None:
    control = tmp_path / "run" / "control.sock"
    with exclusive(control), pytest.raises(ConfigError, match="another reconciler is at work"), exclusive(control):
        pass
    with exclusive(control):
        pass
