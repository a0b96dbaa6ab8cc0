"""Accounts with fixed numbers (sysusers.d(5)): files on the shared disk keep their owners when it moves."""

from collections.abc import Mapping

from reconciler.bootstrap.facts import Facts
from reconciler.bootstrap.text import PROGRAM, NodeFile, commented, word
from reconciler.state.pair import Uids

_PLACES: Mapping[str, tuple[str, ...]] = {
    "bind": ("/etc/bind", "/var/cache/bind", "/var/lib/bind", "/var/log/named", "/run/named"),
    "dnsmasq": ("/var/lib/misc", "/run/dnsmasq"),
    "reconciler": ("/etc/reconciler", "/var/lib/reconciler", "/srv/reconciler", "/run/reconciler"),
}
"""Where Debian's packages, and this one, keep files of these users on the node's own disk."""


def files(facts: Facts) -> dict[str, NodeFile]:
    """`/etc/sysusers.d/reconciler.conf`, and on a pair `users.sh`, which gives accounts that are there the numbers."""
    shared = facts.shared
    ids = shared.pair.uids if shared else Uids()
    lines = []
    if shared is not None:
        # Before the packages are installed: they take accounts that they find. No server here, no user of it.
        if facts.has_bind:
            lines.append(f'u bind {ids.bind} "BIND" /var/cache/bind /usr/sbin/nologin')
        else:
            lines.append(f"g bind {ids.bind}")
        if facts.has_dnsmasq:
            lines.append(f'u dnsmasq {ids.dnsmasq}:nogroup "dnsmasq" /var/lib/misc /usr/sbin/nologin')
    lines += [
        f'u reconciler {ids.reconciler} "DNS and DHCP reconciler" /srv/reconciler /bin/sh',
        "m reconciler bind",
    ]
    found = {"etc/sysusers.d/reconciler.conf": NodeFile(commented(lines, "The same on both nodes."))}
    if shared is not None:
        found["users.sh"] = NodeFile(_script(ids), PROGRAM)
    return found


def _script(ids: Uids) -> str:
    about = (
        "Gives accounts that are there already the numbers that they have on both nodes, with what they own on this",
        "node's own disk. It refuses, with nothing changed, where a number is somebody else's or a process still runs.",
    )
    # bind and reconciler have a group of their own name; dnsmasq's is nogroup.
    calls = [
        f"{verb} {name} {number} {group}{places}"
        for verb in ("look", "move")
        for name, number, group in (
            ("bind", ids.bind, "bind"),
            ("dnsmasq", ids.dnsmasq, "-"),
            ("reconciler", ids.reconciler, "reconciler"),
        )
        for places in ("" if verb == "look" else " " + " ".join(map(word, _PLACES[name])),)
    ]
    return "#!/bin/sh\n" + commented([_FUNCTIONS, *calls], *about)


_FUNCTIONS = """\
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin

refuse() { echo "users.sh: $1; nothing was changed" >&2; exit 1; }

# number DATABASE NAME, holder DATABASE NUMBER: from passwd or group, nothing where there is none.
number() { getent "$1" "$2" | cut -d: -f3; }
holder() { getent "$1" "$2" | cut -d: -f1; }

# look USER NUMBER GROUP: whether the move can be made.
look() {
    for kind in passwd group; do
        name=$1
        [ $kind = passwd ] || name=$3
        [ "$name" != - ] || continue
        now=$(number $kind "$name")
        held=$(holder $kind "$2")
        [ -n "$now" ] || [ -z "$held" ] || refuse "number $2 of $name is that of $held ($kind)"
        if [ -z "$now" ] || [ "$now" = "$2" ]; then continue; fi
        [ -z "$held" ] || refuse "$name has $now, and its number $2 is that of $held ($kind)"
        ! pgrep -u "$1" >/dev/null 2>&1 ||
            refuse "processes of $1 run; stop them first (systemctl stop named dnsmasq reconciler)"
    done
}

# move USER NUMBER GROUP FOLDER...: files first, so that a run that was cut off can be made again. Links are not
# followed, mounts are left out.
move() {
    user=$1 new=$2 group=$3
    shift 3
    old=$(number passwd "$user")
    if [ -n "$old" ] && [ "$old" != "$new" ]; then
        change -uid "$old" "$new" "$@"
        usermod -u "$new" "$user"
        echo "$user: user number $old is $new now"
    fi
    [ "$group" != - ] || return 0
    old=$(number group "$group")
    if [ -n "$old" ] && [ "$old" != "$new" ]; then
        change -gid "$old" ":$new" "$@"
        groupmod -g "$new" "$group"
        echo "$group: group number $old is $new now"
    fi
}

# change -uid|-gid OLD OWNER FOLDER...
change() {
    by=$1 was=$2 owner=$3
    shift 3
    for folder; do
        [ ! -d "$folder" ] || find "$folder" -xdev "$by" "$was" -exec chown -h "$owner" {} +
    done
}
"""
