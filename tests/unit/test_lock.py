"""One process at a time makes passes on a node."""

from pathlib import Path

import pytest

from reconciler.daemon.lock import at_work, exclusive
from reconciler.errors import ConfigError, Temporary


def test_a_second_one_is_refused_until_the_first_has_gone(tmp_path: Path) -> None:
    control = tmp_path / "run" / "control.sock"
    with exclusive(control), pytest.raises(ConfigError, match="another reconciler is at work"), exclusive(control):
        pass
    with exclusive(control):
        pass


def test_work_on_the_files_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    control = tmp_path / "control.sock"
    with at_work(control, 0), pytest.raises(Temporary, match="another reconciler is at work"), at_work(control, 0.05):
        pass
    with at_work(control, 0):
        pass


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "control.work").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError), at_work(tmp_path / "control.sock", 0):
        pass
    assert not (tmp_path / "elsewhere").exists()
