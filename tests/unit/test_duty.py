"""The role as the daemon acts by it: laid down, and given anew while nobody looked."""

from reconciler.daemon.duty import Duty
from reconciler.role.base import Condition, Role, RoleReport


class Manager:
    """A provider: the role, and which giving of it."""

    name = "manager"

    def __init__(self) -> None:
        self.primary, self.given = True, "1"

    def read(self) -> RoleReport:
        return RoleReport((Condition(self.primary, "its word"),), None, self.given)


def test_a_role_that_was_laid_down_is_taken_up_when_it_went_and_came_back() -> None:
    manager = Manager()
    duty = Duty(manager)
    duty.resign("demoted by root", "1")
    assert duty.read().role is Role.STANDBY
    assert "demoted by root" in duty.read().reasons[0]
    manager.primary = False
    assert duty.read().role is Role.STANDBY
    manager.primary = True
    assert duty.read().role is Role.PRIMARY


def test_it_is_taken_up_also_where_nobody_saw_that_it_was_away() -> None:
    manager = Manager()
    duty = Duty(manager)
    duty.resign("demoted by root", "1")
    assert duty.read().role is Role.STANDBY
    manager.given = "2"
    assert duty.read().role is Role.PRIMARY
    manager.given = "1"
    assert duty.read().role is Role.PRIMARY


def test_who_lays_down_what_is_gone_already_does_not_touch_the_new_one() -> None:
    manager = Manager()
    duty = Duty(manager)
    manager.given = "2"
    duty.resign("demoted by root", "1")
    assert duty.read().role is Role.PRIMARY


def test_a_term_ends_with_the_role_that_it_began_with() -> None:
    manager = Manager()
    duty = Duty(manager)
    duty.begin(duty.read().given)
    assert duty.read().role is Role.PRIMARY
    manager.given = "2"
    assert duty.read().role is Role.STANDBY
    assert "given to this node anew" in duty.read().reasons[0]
    duty.end()
    assert duty.read().role is Role.PRIMARY
    duty.begin(duty.read().given)
    assert duty.read().role is Role.PRIMARY
