"""dnsmasq's own judgement on rendered files, in a scratch folder; nothing here touches the real ones."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from reconciler import tools
from reconciler.config import BindSettings, DnsmasqSettings
from reconciler.errors import Temporary
from reconciler.services.base import File
from reconciler.services.dnsmasq import trial
from reconciler.services.dnsmasq.render import CONF, HATCH_MARK, HOSTS, RESERVATIONS, render
from reconciler.site import Site

_LINE = re.compile(r" at line (\d+) of dnsmasq\.conf")


def lay(folder: Path, files: Mapping[str, File]) -> None:
    """Write files under `folder`, with the folders that dnsmasq.conf names."""
    for name in (HOSTS, RESERVATIONS):
        (folder / name).mkdir(exist_ok=True)
    for path, file in files.items():
        (folder / path).write_bytes(file.content)


def judge(site: Site, settings: DnsmasqSettings, bind: BindSettings | None, network: str | None = None) -> list[str]:
    """Complaints of `dnsmasq --test` and, rights allowing, of a trial start; see `render`. Raises Temporary."""
    program = trial.program("dnsmasq")
    if program is None:
        raise Temporary("dnsmasq is not installed; on Debian and Ubuntu: apt-get install dnsmasq-base")
    with tempfile.TemporaryDirectory(prefix="reconciler-dnsmasq-") as name:
        folder = Path(name)
        # Rendered anew for the scratch folder, so that no path in it leads outside.
        scratch = settings.model_copy(
            update={"directory": folder, "lease_file": folder / "leases", "dhcp_script": None}
        )
        rendered = render(site, scratch, bind, network)
        files = rendered.files
        lay(folder, files)
        text = files[CONF].content.decode()
        tested = tools.run([program, "--test", "-C", str(folder / CONF)], timeout=10)
        if tested.code != 0:
            return [_complaint("dnsmasq --test", line, text, folder) for line in tested.text.splitlines()]
        if trial.obstacle() is None and rendered.view is not None:
            words = trial.start(folder, rendered.view.site, settings)
            return [_complaint("dnsmasq (trial start)", line, text, folder) for line in words]
    return []


def _complaint(checker: str, words: str, conf: str, folder: Path) -> str:
    said = words.removeprefix("dnsmasq: ").replace(f"{folder}/", "")
    found = _LINE.search(said)
    if found:
        said = said.replace(found[0], _place(conf.splitlines(), int(found[1])))
    return f"{checker}: {said}"


def _place(lines: list[str], number: int) -> str:
    """Where line `number` of dnsmasq.conf came from, with its text; an escape hatch's own line, if so."""
    text = lines[number - 1] if 0 < number <= len(lines) else ""
    for above in range(number - 2, -1, -1):
        if lines[above].startswith(HATCH_MARK):
            return f" at {lines[above].removeprefix(HATCH_MARK)}:{number - 1 - above}: {text}"
    return f" in `{text}`"
