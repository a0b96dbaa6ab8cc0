"""The lab's scripts as text: in place of systemd, and of DRBD. Pure."""

import shlex
import sys

from reconciler.lab.layout import Layout

NAMED_USER = "bind"
"""Debian's package makes it; the groups of what `reconciler init` makes are for it."""

DNSMASQ_USER = "nobody"


def server_script(layout: Layout) -> str:
    """`server named|dnsmasq start|stop|restart|reload`: what systemd's units do elsewhere, their condition included."""
    return f"""\
#!/bin/sh
# server named|dnsmasq start|stop|restart|reload: in place of systemd, on the node that it is called on.
set -u
case $#:${{1:-}}:${{2:-}} in
2:named:start | 2:named:stop | 2:named:restart | 2:named:reload) ;;
2:dnsmasq:start | 2:dnsmasq:stop | 2:dnsmasq:restart | 2:dnsmasq:reload) ;;
*) echo "server: not known: $*; write: server named|dnsmasq start|stop|restart|reload" >&2; exit 2 ;;
esac
node={layout.node}
disk={layout.disk}
bin={layout.programs}
pidfile=$node/run/$1/pid
pid=$(cat "$pidfile" 2>/dev/null)

running() {{ [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; }}

# Servers remove their pid file before they have let go of ports and files: the process itself is waited for.
gone() {{
  tries=500
  while running; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || {{ kill -9 "$pid"; tries=50; }}
    sleep 0.02
  done
  rm -f "$pidfile"
  pid=
}}

start() {{
  running && return 0
  # As ConditionPathIsMountPoint= in the units: never without the shared disk.
  mountpoint -q "$disk" || {{ echo "nothing is mounted at $disk" >&2; return 1; }}
  case $1 in
  named) "$bin/named" -n 1 -u {NAMED_USER} -c "$node/etc/named.conf" -L "$node/log/named/log" ;;
  dnsmasq)
    "$bin/dnsmasq" --conf-file="$disk/dnsmasq/dnsmasq.conf" --pid-file="$pidfile" --user={DNSMASQ_USER} \\
      --log-facility="$node/log/dnsmasq.log" --no-ping
    ;;
  esac
}}

stop() {{
  running || return 0
  if [ "$1" = named ]; then
    rndc -k "$node/etc/rndc.key" stop >/dev/null || kill "$pid"
  else
    kill "$pid"
  fi
  gone
}}

cd /
case $2 in
start) start "$1" ;;
stop) stop "$1" ;;
restart) stop "$1"; start "$1" ;;
reload) running && kill -HUP "$pid" ;;
esac
"""


def disk_script(layout: Layout) -> str:
    """`disk start|stop|status`: what DRBD and Filesystem do elsewhere. Only one node can have the disk.

    A process of the node holds a lock as long as the node has the disk, and a loop device that is left from whoever
    had it before is waited for: both must be gone first.
    """
    return f"""\
#!/bin/sh
# disk start|stop|status: in place of DRBD, on the node that it is called on.
set -u
image={layout.image}
disk={layout.disk}
holder={layout.node}/run/disk.pid

cd /
case $1 in
start)
  mountpoint -q "$disk" && exit 0
  # The lock goes with its holder, however that ends. The other node may be about to let go of it.
  flock --exclusive --timeout 10 --close "$image" sleep infinity </dev/null >/dev/null 2>&1 &
  pid=$!
  echo $pid >"$holder"
  until pgrep -P $pid >/dev/null; do
    kill -0 $pid 2>/dev/null || {{ echo "the other node has the disk" >&2; exit 1; }}
    sleep 0.02
  done
  tries=250
  while [ -n "$(losetup --associated "$image")" ]; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || {{ echo "the disk is still attached" >&2; pkill -P $pid; exit 1; }}
    sleep 0.02
  done
  mount -o loop "$image" "$disk" || {{ pkill -P $pid; exit 1; }}
  ;;
stop)
  if mountpoint -q "$disk"; then
    umount "$disk" || {{ echo "umount refused" >>{layout.node}/log/umount-refused; exit 1; }}
  fi
  [ ! -s "$holder" ] || pkill -P "$(cat "$holder")" || true
  rm -f "$holder"
  ;;
status) mountpoint -q "$disk" ;;
esac
"""


def program_script() -> str:
    """The reconciler as the nodes call it: this very program."""
    return f'#!/bin/sh\nexec {shlex.join(reconciler())} "$@"\n'


def reconciler(*arguments: str) -> list[str]:
    """A reconciler command of this very program."""
    return [sys.executable, "-m", "reconciler.cli.main", *arguments]
