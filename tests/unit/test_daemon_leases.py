"""The daemon's leases: what they tell a plan and a status, and what a site that asks for nothing costs."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from dnsmasq_sites import FILES, HOSTS, make_site
from state_trees import tree_of

from reconciler import evaluate
from reconciler.config import LeaseSettings
from reconciler.daemon.leases import Leases
from reconciler.daemon.slaac import OwnAddresses
from reconciler.deployed import Deployed
from reconciler.effects import Effects
from reconciler.errors import Temporary
from reconciler.evaluate import Evaluator
from reconciler.leases.memory import MEMORY
from reconciler.leases.policy import lease_networks, statics
from reconciler.plan import Plan
from reconciler.role.always import Always
from reconciler.state.hatches import HatchAllowance
from reconciler.watch import neighbours

LATER = int(time.time()) + 7200
TABLET = f"{LATER} 52:54:00:00:00:01 192.168.1.40 tablet *\n"
CHANGED = Plan(files=(("~", "dnsmasq/reservations.d/internal.conf"),))


def leases_of(folder: Path, text: str) -> Leases:
    (folder / "leases").write_text(text)
    settings = LeaseSettings.model_construct(format="dnsmasq", files=(folder / "leases",))
    history: Any = None
    return Leases(settings, folder, history)


def test_remarks_on_a_plan_that_touches_reservations(tmp_path: Path) -> None:
    leases, site = leases_of(tmp_path, TABLET), make_site()
    leases.records(site)
    (text,) = leases.remarks(None, site, CHANGED)
    until = time.strftime("%H:%M", time.localtime(LATER))
    assert text.startswith(f"192.168.1.40 is leased to 52:54:00:00:00:01 (tablet) until {until}; printer gets it when")
    assert leases.remarks(site, site, CHANGED) == ()
    assert leases.remarks(None, site, Plan()) == ()
    assert leases.remarks(None, site, Plan(files=(("~", "dnsmasq/reservations.d/guest.conf"),))) == ()
    assert leases.remarks(None, site, Plan(files=(("~", "dnsmasq/dnsmasq.conf"),))) == ()


def test_no_remark_on_a_pass_for_leases_alone(tmp_path: Path) -> None:
    leases, site = leases_of(tmp_path, TABLET), make_site()
    leases.records(site)
    leases._holders = {"printer.internal.example.org.": "mac:52:54:00:00:00:01"}
    assert leases.remarks(None, site, Plan()) == ()
    (text,) = leases.remarks(None, site, Plan(files=(("~", "dnsmasq/dnsmasq.conf"),)))
    assert "printer.internal.example.org. is held by a lease (192.168.1.40)" in text


def test_a_time_that_is_far_away_has_its_date(tmp_path: Path) -> None:
    far = int(time.time()) + 900_000
    leases, site = leases_of(tmp_path, TABLET.replace(str(LATER), str(far))), make_site()
    leases.records(site)
    (text,) = leases.remarks(None, site, CHANGED)
    assert f"until {time.strftime('%Y-%m-%d %H:%M', time.localtime(far))};" in text


def test_remarks_become_notes_of_the_plan() -> None:
    asked = []

    def remark(old: object, new: object, planned: object) -> tuple[str, ...]:
        asked.append(old)
        return ("said",)

    evaluator = Evaluator((), HatchAllowance(), evaluate.nobody, remark)
    first = evaluator.evaluate("1", tree_of(FILES), Deployed("0"))
    assert first.plan is not None
    assert first.plan.notes[-1] == "said"
    evaluator.evaluate("2", tree_of(FILES | {"hosts.yaml": HOSTS + "new: {ipv4: 192.168.1.50}\n"}), Deployed("1"))
    assert asked[0] is None
    assert asked[1] is evaluator.learn("1", {}).site


def test_problems_of_the_watches_are_told(tmp_path: Path) -> None:
    class Broken:
        problem = "not watched"

    class Well:
        problem = None

    leases = leases_of(tmp_path, TABLET)
    leases.watches += [Broken(), Well()]
    assert leases.problems == ("not watched",)
    (tmp_path / "leases").unlink()
    leases.look(make_site())
    assert leases.problems[0] == "not watched"
    assert "is not there" in leases.problems[1]


def test_the_neighbour_table_costs_nothing_where_nobody_asks(tmp_path: Path) -> None:
    program = "import reconciler.daemon.run, sys; sys.exit('pyroute2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    own, site = OwnAddresses(), make_site()
    networks = lease_networks(site)
    assert own.look(networks, statics(site, []), {}, time.time()) == []
    own.settle(networks)
    assert own.alive()
    assert own.problem is None


def test_a_table_that_cannot_be_watched_is_a_problem_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site(site=FILES["site.yaml"].replace("ipv6_mode: slaac", "ipv6_mode: slaac\n    slaac_names: yes"))
    own, networks = OwnAddresses(), lease_networks(site)
    own.look(networks, statics(site, []), {}, time.time())
    own.settle(networks)
    assert not own.alive()
    assert own.problem == "the neighbour table is not watched yet"

    def refuse(self: object, wanted: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(neighbours.Table, "__init__", refuse)
        with pytest.raises(Temporary):
            own.start()
    assert own.problem == "cannot watch the neighbour table: Too many open files"
    own.start()
    try:
        assert own.alive()
        assert own.problem is None
        own.look((), statics(site, []), {}, time.time())
        own.settle(())
        assert own.alive(), "nothing to watch"
        assert own._table is None
    finally:
        own.stop()


def test_renewals_and_the_servers_identity_are_remembered_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoHistory:
        def record(self, *arguments: Any, **options: Any) -> None:
            pass

        def prune(self, *arguments: Any) -> tuple[str, ...]:
            return ()

    leases, site = leases_of(tmp_path, TABLET), make_site()
    leases._history = NoHistory()  # type: ignore[assignment]
    effects = Effects(Always(), helper=tmp_path / "none")

    def remembered(text: str) -> tuple[int, str | None]:
        (tmp_path / "leases").write_text(text)
        leases.look(site)
        leases.settle(effects)
        document = json.loads((tmp_path / MEMORY).read_bytes())
        return document["leases"][0][3], document["server_duids"][str(tmp_path / "leases")]

    assert remembered(f"{TABLET}duid 00:01:02\n") == (LATER, "00:01:02")
    renewed = TABLET.replace(str(LATER), str(LATER + 900))
    assert remembered(f"{renewed}duid 00:01:02\n") == (LATER, "00:01:02")
    leases._remembered_at -= 301
    assert remembered(renewed) == (LATER + 900, "00:01:02")
    again = TABLET.replace(str(LATER), str(LATER + 1800))
    leases._remembered_at -= 301
    assert remembered(again) == (LATER + 1800, "00:01:02")
