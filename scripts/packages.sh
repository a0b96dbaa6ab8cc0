#!/usr/bin/env bash
# Install the system programs that this project uses and this machine lacks, from the distribution's packages.
#
#   scripts/packages.sh          what `make setup` and `demo` need
#   scripts/packages.sh demo     what `make demo` can use beside that, as root only
#   scripts/packages.sh lab      what `make lab` needs beside that
#   scripts/packages.sh test     what `make test` needs beside that
#   scripts/packages.sh vm       what `make test-vm` needs beside that
#   scripts/packages.sh bench    what `make bench` needs beside that
#
# Nothing missing: nothing is done, and neither root nor the network is needed. No service is started or enabled.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/common.sh

readonly POLICY=/usr/sbin/policy-rc.d
readonly POLICY_MARK="written by the reconciler's scripts/packages.sh"
readonly APT_OPTIONS=(
  -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o Acquire::Retries=2
  -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0
)
# Seconds for one run of apt's that uses the network. dpkg's own work is never cut short.
readonly FETCH_LIMIT=300

as_root=()
missing=()
# Not every release has these: what needs them is left out there.
readonly OPTIONAL=" heartbeat "
# Units that the packages to be installed would start and enable.
units=()
scratch=""

# need PACKAGE PURPOSE PROGRAM...: note PACKAGE as missing unless all of the programs are there.
need() {
  local package=$1 purpose=$2 program
  shift 2
  for program in "$@"; do
    if ! command -v "$program" >/dev/null; then
      say "$package is missing: $purpose"
      missing+=("$package")
      return
    fi
  done
}

look() {
  need git "the state repository" git
  need bind9 "the DNS server: named" named
  need bind9-utils "rndc and the checkers of BIND's files" rndc named-checkconf named-checkzone named-compilezone
  need bind9-dnsutils "DNS queries and updates: dig, nsupdate" dig nsupdate
  need dnsmasq-base "the DHCP and DNS server dnsmasq, without its service" dnsmasq
  need iproute2 "network interfaces and namespaces: ip" ip
  look_for_python
}

look_for_python() {
  local python
  if python=$(find_python); then
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
      local package=python3-venv
      # A second Python beside the distribution's default one has a venv package of its own.
      [[ $(command -v "$python") == /usr/bin/python3 ]] || package="$(basename "$python")-venv"
      say "$package is missing: Python environments"
      missing+=("$package")
    fi
  elif command -v python3 >/dev/null; then
    python_too_old
  else
    say "python3 is missing: this program is written in it"
    missing+=(python3 python3-venv)
  fi
}

python_too_old() {
  fail "$(python3 --version) is too old: 3.11 or newer is needed (Debian 12, Ubuntu 24.04 or later have it)." \
    "Install a newer one beside it, so that python3.11, python3.12 or python3.13 is in PATH, and run this again."
}

look_for_lab() {
  need busybox-static "a DHCP client: udhcpc" busybox
  need keepalived "virtual addresses" keepalived
  need e2fsprogs "the shared disk's filesystem" mkfs.ext4
  need procps "finding processes" pgrep pkill
}

become_root() {
  if ! command -v apt-get >/dev/null; then
    fail "cannot install: this is no Debian or Ubuntu, there is no apt-get." \
      "Install by other means: ${missing[*]} (names of Debian's packages). Then run this again."
  fi
  ((EUID == 0)) && return
  if command -v sudo >/dev/null; then
    as_root=(sudo -n)
    [[ -t 0 ]] && as_root=(sudo)
    "${as_root[@]}" true && return
  fi
  fail "cannot install: this needs root, and sudo is not to be had." \
    "Have an administrator run: apt-get install --no-install-recommends ${missing[*]}"
}

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C.UTF-8 \
    "${limit[@]}" apt-get -q -y "${APT_OPTIONS[@]}" "$@" </dev/null >>"$scratch/log" 2>&1
}

# Download first, within a limit; only then install, which must not be cut off half-way.
install_packages() {
  local limit=(timeout --kill-after=10 "$FETCH_LIMIT")
  say "apt-get update"
  apt update || say "apt-get update did not go well; trying with the package lists that are there"
  leave_out_unknown
  ((${#missing[@]} > 0)) || return 0
  say "downloading ${missing[*]}"
  apt install --no-install-recommends --download-only "${missing[@]}" || not_fetched
  limit=()
  say "installing ${missing[*]}"
  apt install --no-install-recommends "${missing[@]}" || not_installed
}

# Whether apt's lists are there, and do not have the package.
unknown() {
  [[ -n $(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -print -quit 2>/dev/null) ]] &&
    ! apt-cache show "$1" >/dev/null 2>&1
}

leave_out_unknown() {
  local package known=()
  for package in "${missing[@]}"; do
    if [[ $OPTIONAL == *" $package "* ]] && unknown "$package"; then
      say "this release has no $package: going on without"
    else
      known+=("$package")
    fi
  done
  missing=("${known[@]}")
}

not_fetched() {
  apt_errors
  fail "could not fetch: ${missing[*]} (each source is tried for 20 s, three times)." \
    "Is the network there, and does \`apt-get update\` work? Then run this again." \
    "Without network: install these packages by other means; nothing is fetched when they are there."
}

not_installed() {
  apt_errors
  fail "apt-get could not install: ${missing[*]}." \
    "Put it right (\`dpkg --configure -a\`, \`apt-get -f install\`) and run this again."
}

apt_errors() {
  grep -E '^(E|W|Err|dpkg)[: ]' "$scratch/log" | sort -u | tail -n 12 | sed 's/^/  apt: /' >&2 || true
}

# bind9's installation would start named at once, into the port of a resolver that already runs here; ddclient's would
# start a daemon that publishes this machine's address; the checkers of node files bring a firewall and sshd along. The policy holds for these only, while this script lives:
# left behind by a kill -9 it does no harm.
forbid_start() {
  if [[ -e $POLICY ]] && ! grep -qsF "$POLICY_MARK" "$POLICY"; then
    return
  fi
  cat >"$scratch/policy" <<EOF
#!/bin/sh
# $POLICY_MARK: none of these is started by its installation.
kill -0 $$ 2>/dev/null || exit 0
case "\$1" in named* | bind9* | ddclient* | keepalived*) exit 101 ;; esac
case "\$1" in apparmor* | drbd* | heartbeat* | logd* | netplan* | networking* | nftables* | ssh* | ufw*) exit 101 ;; esac
exit 0
EOF
  "${as_root[@]}" install -m 0755 "$scratch/policy" "$POLICY"
}

allow_start() {
  if grep -qsF "$POLICY_MARK" "$POLICY"; then
    "${as_root[@]}" rm -f "$POLICY"
  fi
}

# Debian enables a service when its package is installed. Only ours to undo if we installed it.
disable_unit() {
  local unit=$1 now=()
  [[ -d /run/systemd/system ]] && now=(--now)
  if command -v systemctl >/dev/null; then
    "${as_root[@]}" systemctl disable "${now[@]}" "$unit.service" >>"$scratch/log" 2>&1 ||
      say "$unit.service could not be disabled; see: systemctl status $unit"
  elif command -v update-rc.d >/dev/null; then
    "${as_root[@]}" update-rc.d "$unit" disable >>"$scratch/log" 2>&1 || true
  fi
}

clean_up() {
  local unit
  if ((${#units[@]} > 0)); then
    allow_start
    for unit in "${units[@]}"; do
      if [[ -e /usr/sbin/$unit || -e /usr/bin/$unit || -e /lib/systemd/system/$unit.service ]]; then
        disable_unit "$unit"
      fi
    done
  fi
  rm -rf "$scratch"
}

look_for_ddclient() {
  need ddclient "publishing the public address: ddclient" ddclient
  need openssl "certificates for a provider on loopback: openssl" openssl
  if ! perl -MIO::Socket::SSL -e1 2>/dev/null; then
    say "libio-socket-ssl-perl is missing: ddclient's TLS"
    missing+=(libio-socket-ssl-perl)
  fi
}

# Programs that only read: each says whether a file of `reconciler bootstrap` is one that it understands.
look_for_checkers() {
  need apparmor "checking AppArmor's rules" apparmor_parser
  need drbd-utils "checking DRBD's resource" drbdadm
  unknown heartbeat || need heartbeat "checking heartbeat's files" /usr/libexec/heartbeat/heartbeat
  need ifupdown "checking interfaces" ifup
  need netplan.io "checking interfaces, for the other program" netplan
  need nftables "checking the firewall's rules" nft
  need openssh-server "checking sshd's settings" /usr/sbin/sshd
  need systemd "checking units and users" systemd-analyze systemd-sysusers
  need ufw "checking the firewall's rules, for the other program" ufw
}

case ${1:-} in
  bench)
    need dnsperf "measuring DNS servers" dnsperf
    ((EUID != 0)) || look_for_lab
    ;;
  demo)
    if ((EUID == 0)); then
      need busybox-static "a DHCP client for the demo: udhcpc" busybox
      look_for_ddclient
    fi
    ;;
  lab) look_for_lab ;;
  test)
    look_for_lab
    need busybox-static "a DHCP client for the tests: udhcpc" busybox
    need isc-dhcp-client "another, which speaks DHCPv6 too: dhclient" dhclient
    need strace "seeing in tests what reaches the disk, and when" strace
    need shellcheck "checking the scripts" shellcheck
    ((EUID != 0)) || look_for_checkers
    look_for_ddclient
    ;;
  vm)
    need qemu-system-x86 "virtual machines" qemu-system-x86_64
    need qemu-utils "their disks" qemu-img
    need mmdebstrap "what is installed in them: a Debian" mmdebstrap
    need e2fsprogs "filesystems for them" mke2fs
    need busybox-static "what they boot with" busybox
    need cpio "the same, packed" cpio
    need lz4 "unpacking their kernel" lz4
    need zstd "unpacking their kernel, where it is packed so" zstd
    ;;
  *) look ;;
esac
if ((${#missing[@]} == 0)); then
  say "all system programs are there"
  exit 0
fi
become_root
scratch=$(mktemp -d)
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
for package in "${missing[@]}"; do
  case $package in
    bind9) units+=(named) ;;
    apparmor | ddclient | heartbeat | keepalived | nftables | ufw) units+=("$package") ;;
    drbd-utils) units+=(drbd) ;;
    ifupdown) units+=(networking) ;;
    openssh-server) units+=(ssh) ;;
  esac
done
if ((${#units[@]} > 0)); then
  forbid_start
fi
install_packages
find_python >/dev/null || python_too_old
say "installed ${missing[*]}"
