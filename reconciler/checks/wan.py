"""Checks of `wan:`: what ddclient could not be told, and settings that can never have an effect."""

import re
from difflib import get_close_matches

from reconciler.checks.report import Report
from reconciler.dns import names
from reconciler.errors import BadName
from reconciler.state.model import State
from reconciler.state.text import shown
from reconciler.state.wan import WanPublish

OPTIONS = frozenset(
    {"backupmx", "custom", "max-interval", "min-error-interval", "min-interval", "mx", "on-root-domain", "quietreply"}
    | {"root-domain", "script", "static", "tcp", "wildcard"}
)
"""Options that a protocol may be given. Not the many with which ddclient runs programs, sends mail, or looks around."""

SECRETS = frozenset(["apikey", "apisecret", "dynurl", "secretapikey"])
"""Options that hold secrets, beside `password`."""

PLAIN = re.compile(r"[!-~]+", re.ASCII)
"""Text that can stand in ddclient.conf: printable ASCII without blanks."""

SPECIAL = frozenset("'\"\\#,=")
"""What has a meaning of its own there."""

_NAME = re.compile(r"@|(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|\*", re.ASCII)


def check(state: State, report: Report) -> None:
    """Find settings of `wan:` that cannot work."""
    wan, at = state.site.wan, state.site_locator.at
    if wan is None:
        return
    for family in sorted({source.family for source in wan.watch} | {item.family for item in wan.publish}):
        ways = sum(source.family is family for source in wan.watch)
        if 0 < ways < wan.agree:
            what = f"{wan.agree} ways to learn the {family} address shall agree, but there are {ways}"
            report.error(at("wan", "agree"), what, "add ways under `watch:`, or lower this")
        if not ways:
            report.error(at("wan", "publish"), f"nothing tells the {family} address", "add a way to it under `watch:`")
    seen: dict[tuple[str, str, str], int] = {}
    for index, item in enumerate(wan.publish):
        first = seen.setdefault((item.domain, item.protocol, item.family), index)
        if first != index:
            what = f"{item.protocol} for {item.domain} stands here twice"
            report.error(at("wan", "publish", index), what, "write all names under one")
        _check_options(item, index, state, report)
        _check_names(item, index, state, report)


def _check_options(item: WanPublish, index: int, state: State, report: Report) -> None:
    at = state.site_locator.at
    for key, known in (("options", OPTIONS), ("secrets", SECRETS)):
        for name in getattr(item, key):
            if name not in known:
                close = get_close_matches(name, sorted(known), n=1)
                fix = f"perhaps {close[0]} is meant" if close else f"known are {', '.join(sorted(known))}"
                report.error(at("wan", "publish", index, key, name), f"option {shown(name)} cannot be set here", fix)
    values: dict[tuple[str, ...], str | None] = {("server",): item.server, ("login",): item.login}
    values.update({("options", name): value for name, value in item.options.items()})
    values.update({("ids", name): value for name, value in item.ids.items()})
    for keys, value in values.items():
        if value is not None and (not PLAIN.fullmatch(value) or SPECIAL & set(value)):
            what = f"{shown(value)} cannot stand in ddclient's configuration"
            report.error(at("wan", "publish", index, *keys), what, "leave out blanks, quotes and any of \\ # , =")
    if item.protocol == "nsupdate" and item.login is not None:
        report.error(at("wan", "publish", index, "login"), "nsupdate has no login: it would be a program", "remove it")


def _check_names(item: WanPublish, index: int, state: State, report: Report) -> None:
    at = state.site_locator.at
    if not item.names:
        report.error(at("wan", "publish", index), "nothing is to be published here", "write `names:`")
    for place, name in enumerate(item.names):
        try:
            names.parse(name, item.domain)
            good = _NAME.fullmatch(name)
        except BadName:
            good = None
        if not good:
            what = f"{shown(name)} is not a name in {item.domain}"
            report.error(at("wan", "publish", index, "names", place), what, "write `@`, `www`, `*`")
    for name in item.ids:
        if name not in item.names:
            report.error(at("wan", "publish", index, "ids", name), f"{shown(name)} is none of the names")
