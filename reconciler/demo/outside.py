"""The demo's step outside: the public address changes, and a provider on loopback is told."""

import shutil
from pathlib import Path

from reconciler.demo.lan import Lan
from reconciler.demo.pocket import PocketSite
from reconciler.demo.provider import Provider
from reconciler.demo.stage import Stage

# Public by IANA's registries, and nobody's: the anycast address of 6to4 relays (RFC 7526).
BEFORE, AFTER = "192.88.99.10", "192.88.99.20"
INTERFACE = "wan0"
NAME = "home.example.net."

_PASSWORD = "a-password-of-the-demo"  # noqa: S105  of a provider that ends with the demo
_SECRET = "provider"  # noqa: S105  a name


def obstacle() -> str | None:
    """Why the step cannot be shown here; None if it can."""
    missing = [program for program in ("ddclient", "openssl") if shutil.which(program) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def provider(folder: Path) -> Provider:
    """A provider that has the address from before."""
    made = Provider(folder, _PASSWORD)
    made.addresses[NAME] = BEFORE
    made.whoami = BEFORE.encode()
    return made


def change_address(stage: Stage, site: PocketSite, lan: Lan | None, provider: Provider, clone: Path) -> None:
    """Push the settings, change the address, see it published."""
    _write_secret(site.folder / "secrets")
    with (clone / "site.yaml").open("a") as stream:
        stream.write(_settings(provider, lan))
    for argv in (["diff", "--unified=0"], ["commit", "--quiet", "--all", "--message", "Publish the public address"]):
        stage.run("git", *argv, cwd=clone)
    stage.run("git", "push", cwd=clone, expect="applied")
    wan = site.command("wan")
    stage.run(*wan, cwd=clone, expect=f"{BEFORE}, seen in public DNS", within=20)
    if provider.updates:
        stage.fail("what public DNS had already was sent")
    if lan is not None:
        stage.run("ip", "-n", lan.namespace, "address", "del", f"{BEFORE}/24", "dev", INTERFACE, cwd=clone)
        stage.run("ip", "-n", lan.namespace, "address", "add", f"{AFTER}/24", "dev", INTERFACE, cwd=clone)
    else:
        stage.say(f"The page that tells who asks now says {AFTER}.")
        provider.whoami = AFTER.encode()
    dig = ["dig", "+short", "+norecurse", "@127.0.0.1", "-p", str(provider.dns_port), NAME, "A"]
    stage.run(*dig, cwd=clone, expect=AFTER, within=30)
    stage.run(*wan, cwd=clone, expect=(f"address   {AFTER}", f"{AFTER}, seen in public DNS"), within=30)
    stage.run(*site.command("log", "-n", "2"), cwd=clone, expect=("Published", "Said-by"), within=10)
    if len(provider.updates) != 1:
        stage.fail(f"the provider was told {len(provider.updates)} times, not once")


def _settings(provider: Provider, lan: Lan | None) -> str:
    way = f"interface: {INTERFACE}" if lan is not None else f'web: "{provider.page}"'
    return f"""
wan:
  watch: [{{{way}}}]
  every: 1s
  settle: 1s
  publish:
    - protocol: namecheap
      domain: example.net
      names: [home]
      password: {{secret: {_SECRET}}}
      server: {provider.server}
      confirm: ["127.0.0.1:{provider.dns_port}"]
"""


def _write_secret(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / _SECRET
    path.touch(mode=0o600)
    path.write_text(_PASSWORD + "\n")
