"""Three ways from `git push` to named: the reconciler, the least that could be done by hand, and dzonegit."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from bench.site import Inventory
from bench.work import Pushed, WorkingCopy, run
from reconciler.demo.named import NamedServer
from reconciler.demo.pocket import PocketSite
from reconciler.errors import ReconcilerError
from reconciler.git.setup import settings
from reconciler.services.bind.render import FRAGMENT

_FIRST_SERIAL = 1000


class Contender(Protocol):
    """One of them, with a named and a repository of its own."""

    name: str
    inventory: Inventory

    @property
    def port(self) -> int:
        """Where its named answers."""
        ...

    def prepare(self) -> None:
        """Commit the inventory as it is now; not measured."""
        ...

    def deploy(self) -> Pushed:
        """Push that, and do by hand what no hook does; measured."""
        ...

    def stop(self) -> None:
        """Stop its servers."""
        ...


class Reconciler:
    """This program: daemon, hooks, checks, plan, verification, audit."""

    name = "reconciler"

    def __init__(self, folder: Path, *, dnsmasq: bool = False, node: type[PocketSite] = PocketSite) -> None:
        folder.mkdir()
        self.inventory = Inventory()
        self.node = node(folder, dnsmasq=dnsmasq)
        self._clients_ask = "dnsmasq" if dnsmasq else "bind"
        run(self.node.init_command())
        try:
            self.node.start()
            self._copy = WorkingCopy(folder / "copy", self.node.repo, "main")
            self.prepare()
            self.deploy()
        except BaseException:
            self.node.stop()
            raise

    @property
    def port(self) -> int:
        assert self.node.named
        return self.node.named.port

    def prepare(self) -> None:
        self._copy.commit(self.inventory.state(self._clients_ask))

    def deploy(self) -> Pushed:
        return self._copy.push()

    def stop(self) -> None:
        self.node.stop()


class _Plain:
    """What the two others have in common: zone files in a repository with our git settings, and a named."""

    name = ""
    branch = "master"

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.inventory = Inventory()
        self.repo = folder / "zones.git"
        self.named = NamedServer(folder / "named")
        self._folder = folder
        self._serial = _FIRST_SERIAL
        run(["git", "init", "--quiet", "--bare", "--template=", f"--initial-branch={self.branch}", str(self.repo)])
        for key, value in settings(self.repo).items():
            self._configure(key, value)
        (self.repo / "hooks").mkdir()
        self.served.mkdir()
        self._write_zones()
        text = "".join(f'zone "{z}" {{ type primary; file "{self._path(z)}"; }};\n' for z in self.inventory.zones(1))
        (self.named.bind / FRAGMENT).write_text(text)
        self._install_hooks()
        self._copy = WorkingCopy(folder / "copy", self.repo, self.branch)
        self._copy.commit(self._files())
        self.named.start()
        try:
            self._copy.push()
        except BaseException:
            self.stop()
            raise

    @property
    def port(self) -> int:
        return self.named.port

    @property
    def served(self) -> Path:
        """The folder that named reads zones from."""
        return self._folder / "served"

    def prepare(self) -> None:
        self._serial += 1
        self._copy.commit(self._files())

    def stop(self) -> None:
        self.named.stop()

    def _rndc(self, *arguments: str) -> list[str]:
        known = self.named.settings()
        return ["rndc", "-k", str(known.rndc_key), "-s", known.rndc_address, "-p", str(known.rndc_port), *arguments]

    def _files(self) -> dict[str, str]:
        return {f"{zone}.zone": text for zone, text in self.inventory.zones(self._serial).items()}

    def _path(self, zone: str) -> Path:
        return self.served / f"{zone}.zone"

    def _write_zones(self) -> list[str]:
        """Write the files of zones whose records changed; their names."""
        changed = []
        for zone, text in self.inventory.zones(self._serial).items():
            path = self._path(zone)
            if not path.exists() or _records(path.read_text()) != _records(text):
                path.write_text(text)
                changed.append(zone)
        return changed

    def _configure(self, key: str, value: str) -> None:
        run(["git", f"--git-dir={self.repo}", "config", "--replace-all", key, value])

    def _install_hooks(self) -> None:
        """None."""


class Floor(_Plain):
    """A push without hooks, then the zone's file written by hand and `rndc reload ZONE`."""

    name = "floor: push, write, rndc reload"

    def deploy(self) -> Pushed:
        pushed = self._copy.push()
        for zone in self._write_zones():
            subprocess.run(self._rndc("reload", zone), check=True, stdout=subprocess.DEVNULL)
        return pushed


class Dzonegit(_Plain):
    """dzonegit, set up as its documentation says: pre-receive and post-receive, a checkout that named reads."""

    name = "dzonegit"

    def _files(self) -> dict[str, str]:
        """Only zones whose records changed get a new serial, as their editor would do."""
        files = super()._files()
        return {name: text for name, text in files.items() if not self._committed(name, text)}

    def _committed(self, name: str, text: str) -> bool:
        path = self._folder / "copy" / name
        return path.exists() and _records(path.read_text()) == _records(text)

    def deploy(self) -> Pushed:
        return self._copy.push()

    def _install_hooks(self) -> None:
        programs = _dzonegit_programs()
        for hook in ("pre-receive", "post-receive"):
            (self.repo / "hooks" / hook).symlink_to(programs / f"dzonegit-{hook}")
        template = self._folder / "template.json"
        item = 'zone "$zonename" {\n type master;\n file "$zonefile";\n};'
        template.write_text(json.dumps({"header": "# by dzonegit\n", "item": item}))
        self._configure("dzonegit.checkoutpath", str(self.served))
        self._configure("dzonegit.conffiletemplate", str(template))
        self._configure("dzonegit.conffilepath", str(self.named.bind / FRAGMENT))
        self._configure("dzonegit.reconfigcmd", " ".join(self._rndc("reconfig")))
        self._configure("dzonegit.zonereloadcmd", " ".join(self._rndc("reload")))


def _records(text: str) -> list[str]:
    return [line for line in text.splitlines() if " SOA " not in line]


def _dzonegit_programs() -> Path:
    """The folder of dzonegit's programs, in an environment that is made once. Raises ReconcilerError."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reconciler-bench" / "dzonegit"
    if not (cache / "bin/dzonegit-pre-receive").exists():
        run([sys.executable, "-m", "venv", str(cache)])
        try:
            run([str(cache / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "dzonegit==0.15"])
        except ReconcilerError as error:
            raise ReconcilerError(f"dzonegit could not be installed, so it is left out: {error}") from error
    return cache / "bin"
