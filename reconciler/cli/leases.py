"""`reconciler leases`."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reconciler.audit import lease_query
from reconciler.audit.lease_query import LeaseEvent
from reconciler.cli.common import config_option, json_option, refuse_standby, request, settings_of, show
from reconciler.config import NodeConfig
from reconciler.daemon.client import ask
from reconciler.leases.lease import octets
from reconciler.state.validation import nearest

Row = Mapping[str, Any]
"""A lease as the daemon and `lease_query.document` tell it."""

_BEFORE_ZONE = re.compile(r"\s+(?=[+-]\d|[Zz]$)")
_TIME_EXAMPLE = 'write it as "2026-11-17 20:00", with a zone if it is not this machine\'s: "2026-11-17 20:00+01:00"'
_UNKNOWN = "-"
_CELL = 100
"""Characters; one hostile name must not push all else out of sight. `--json` has it whole."""
_WIDEST = 10_000


class Filters(NamedTuple):
    """Which leases are asked for; None stands for all."""

    network: str | None
    name: str | None
    mac: str | None
    address: str | None


@click.command(epilog='Example: reconciler leases --at "2026-11-17 20:00" --address 192.168.3.57')
@config_option
@click.option("--network", metavar="NAME|PREFIX", help="Only of this network, by its name or prefix.")
@click.option("--name", help="Only clients of this name, with or without its domain.")
@click.option("--mac", help="Only the client with this MAC address.")
@click.option("--address", help="Only this address.")
@click.option("--at", "moment", metavar="TIME", help="Who was connected then. A date alone is its first instant.")
@click.option("--history", "wanted", metavar="MAC|IP|NAME", help="When it got and lost which address, newest first.")
@json_option
def command(
    config: Path,
    network: str | None,
    name: str | None,
    mac: str | None,
    address: str | None,
    moment: str | None,
    wanted: str | None,
    as_json: bool,
) -> None:
    """Show who is connected, now or then.

    The history in git holds who had which address and name; renewals are not in it. Times are this machine's
    local ones, in JSON they are UTC.
    """
    filters = Filters(network, name, mac, address)
    if wanted is not None:
        if moment is not None or any(each is not None for each in filters):
            raise click.UsageError("--history goes with none of --at, --network, --name, --mac and --address")
        if not wanted.strip() or "\0" in wanted:
            raise click.UsageError("--history needs a MAC address, an IP address or a name")
        _history(_with_history(config).repo, wanted, as_json)
    elif moment is not None:
        then, keep = _moment(moment), _filter(filters, by_prefix=True)
        _at(_with_history(config).repo, then, keep, as_json)
    else:
        keep = _filter(filters, by_prefix=False)
        settings = settings_of(config)
        refuse_standby(settings)
        _now(settings.control, keep, as_json, network)


def _with_history(config: Path) -> NodeConfig:
    settings = settings_of(config)
    if settings.upstream is None:
        refuse_standby(settings)
    return settings


def parse_moment(text: str) -> int:
    """Unix time in seconds of what a person wrote: local time unless it names a zone. Raises ValueError."""
    moment = datetime.fromisoformat(_BEFORE_ZONE.sub("", text.strip()))
    try:
        return int(moment.timestamp() // 1)
    except (OverflowError, OSError):
        raise ValueError(f"{text} is out of range") from None


def _moment(text: str) -> int:
    try:
        moment = parse_moment(text)
    except ValueError:
        raise click.UsageError(f"{_plain(text)!r} is not a time; {_TIME_EXAMPLE}") from None
    if moment > datetime.now(UTC).timestamp():
        raise click.UsageError(f"{_local(moment)} is yet to come; without --at you see who is connected now")
    return moment


def _filter(filters: Filters, *, by_prefix: bool) -> Callable[[Row], bool]:
    """Whether a lease is asked for. by_prefix: the leases do not tell their network's name."""
    tests: list[Callable[[Row], bool]] = []
    if filters.network is not None:
        tests.append(_network_test(filters.network, by_prefix=by_prefix))
    if filters.name is not None:
        name = filters.name
        tests.append(lambda row: lease_query.same_name(name, row["name"], row["published"]))
    if filters.mac is not None:
        mac = octets(filters.mac.strip())
        if mac is None or len(mac) != 17:
            raise click.UsageError(f"{_plain(filters.mac)!r} is not a MAC address such as 52:54:00:12:34:56")
        tests.append(lambda row: row["mac"] == mac)
    if filters.address is not None:
        try:
            address = str(ip_address(filters.address.strip()))
        except ValueError:
            raise click.UsageError(f"{_plain(filters.address)!r} is not an IP address") from None
        tests.append(lambda row: row["address"] == address)
    return lambda row: all(test(row) for test in tests)


def _network_test(network: str, *, by_prefix: bool) -> Callable[[Row], bool]:
    try:
        prefix = ip_network(network.strip(), strict=False)
    except ValueError:
        if by_prefix:
            raise click.UsageError(
                "the history does not tell networks by name; give --network as a prefix such as 192.168.3.0/24"
            ) from None
        return lambda row: row.get("network") == network
    return lambda row: ip_address(row["address"]) in prefix


def _now(control: Path, keep: Callable[[Row], bool], as_json: bool, network: str | None) -> None:
    received: list[str] = []
    code = ask(control, request("leases"), received.append)
    if code:
        for text in received:
            show(text)
        raise SystemExit(code)
    document = json.loads("".join(received))
    _there_is(network, document.get("networks", []))
    rows = [row for row in document["leases"] if keep(row)]
    problems = document.get("problems", [])
    if as_json:
        click.echo(json.dumps({"leases": rows, "problems": problems}, indent=2))
        return
    if not rows:
        click.echo("nobody is connected" if not document["leases"] else "nobody such is connected")
    else:
        ordered = sorted(rows, key=lambda row: (row.get("network") or "", *_address_order(row)))
        titles = ("network", "address", "in DNS", "MAC", "client's own name", "since", "until")
        _table(titles, ([row.get("network"), *_cells(row), _until(row["expires"])] for row in ordered))
    for text in problems:
        show(_plain(str(text)))


def _there_is(network: str | None, known: list[str]) -> None:
    """Raise UsageError for the name of a network that is none. Nothing is known before the first pass."""
    if network is not None and known and network not in known:
        try:
            ip_network(network.strip(), strict=False)
        except ValueError:
            raise click.UsageError(f"there is no network {_plain(network)!r}; {nearest(network, known)}") from None


def _at(repo: Path, moment: int, keep: Callable[[Row], bool], as_json: bool) -> None:
    rows = [row for row in map(lease_query.document, lease_query.at(repo, moment)) if keep(row)]
    if as_json:
        when = datetime.fromtimestamp(moment, UTC).isoformat()
        click.echo(json.dumps({"at": when, "leases": rows}, indent=2))
    elif rows:
        _table(("address", "in DNS", "MAC", "client's own name", "since"), map(_cells, rows))
    else:
        click.echo(f"nobody{_limits(repo, moment)}")


def _limits(repo: Path, moment: int) -> str:
    """What there is to add to "nobody": the history may not reach so far."""
    began = lease_query.began(repo)
    if began is None:
        return " is known: there is no history of leases yet"
    return f" is known: the history begins at {_local(began)}" if moment < began else f" at {_local(moment)}"


def _history(repo: Path, wanted: str, as_json: bool) -> None:
    events = lease_query.history(repo, wanted)
    if as_json:
        click.echo(json.dumps({"events": list(map(_event_document, events))}, indent=2))
    elif events:
        _table(("when", "what", "address", "in DNS", "MAC", "client's own name"), map(_event_cells, events))
    else:
        began = lease_query.began(repo)
        since = f"; the history begins at {_local(began)}" if began is not None else "; there is no history yet"
        click.echo(f"nothing is known of {_plain(wanted)}{since}")


def _event_document(event: LeaseEvent) -> dict[str, object]:
    when = datetime.fromtimestamp(event.when, UTC).isoformat()
    before = lease_query.document(event.before) if event.before else None
    return {"when": when, "what": event.what, **lease_query.document(event.record), "before": before}


def _event_cells(event: LeaseEvent) -> Sequence[object]:
    row = lease_query.document(event.record)
    before = lease_query.document(event.before) if event.before else row
    address, published, mac, name, _ = (
        new if new == old else f"{new} (was {old})" for new, old in zip(_cells(row), _cells(before), strict=True)
    )
    return _local(event.when), event.what.value, address, published, mac, name


def _cells(row: Row) -> list[str]:
    published = str(row["published"] or _UNKNOWN)
    client = row["mac"] or row.get("duid") or row.get("client_id") or _UNKNOWN
    return [row["address"], published.removesuffix("."), client, row["name"] or _UNKNOWN, _when(row["since"])]


def _address_order(row: Row) -> tuple[int, int]:
    address = ip_address(row["address"])
    return address.version, int(address)


def _until(expires: object) -> str:
    return "for ever" if expires is None else _when(expires)


def _when(value: object) -> str:
    """A time out of JSON, ISO 8601 or Unix seconds, for a person."""
    if isinstance(value, int):
        return _local(value)
    try:
        return _local(int(datetime.fromisoformat(str(value)).timestamp()))
    except (ValueError, OverflowError, OSError):
        return str(value) if value is not None else _UNKNOWN


def _local(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"@{seconds}"


def _plain(text: str) -> str:
    """A client writes its own name: nothing in it may steer the terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _short(text: str) -> str:
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}\u2026"


def _table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    table = Table(*titles, box=None, pad_edge=False)
    for row in rows:
        # As Text, or rich takes brackets for markup.
        table.add_row(*(Text(_short(_plain(str(_UNKNOWN if cell is None else cell)))) for cell in row))
    # As wide as it needs: a cut address helps nobody, and what is piped has no width.
    Console(highlight=False, soft_wrap=True, width=Console(width=_WIDEST).measure(table).maximum).print(table)
