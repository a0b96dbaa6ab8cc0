"""The text of node.yaml: every setting with what it means, those that keep their default commented out. Pure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from reconciler.config import (
    BindSettings,
    DnsmasqSettings,
    DrbdSettings,
    LeaseSettings,
    NodeConfig,
    UpstreamSettings,
)

_HEAD = """\
# Settings of this node for reconciler. What is served stands in the state repository, not here.
# `systemctl reload reconciler` reads this file anew.
"""

_SECTIONS: Mapping[str, type[BaseModel]] = {
    "bind": BindSettings,
    "dnsmasq": DnsmasqSettings,
    "leases": LeaseSettings,
    "drbd": DrbdSettings,
    "upstream": UpstreamSettings,
}


def usual_values(
    node: str,
    root: Path,
    *,
    role: str | None,
    mount: Path | None,
    drbd: str | None,
    bind: Path | None,
    dnsmasq: bool,
    dhcp_script: Path | None,
) -> dict[str, Any]:
    """Values for `node_yaml`: where `reconciler init` puts things.

    root: folder for repository, manifest and dnsmasq's files. role, mount, drbd: of a pair. bind: folder for what
    named reads and writes, None where BIND is not managed here; likewise `dnsmasq`. dhcp_script: None where none is.
    """
    values: dict[str, Any] = {"node": node, "repo": root / "state.git", "state": root / "state"}
    if role:
        values["role"] = role
    if mount:
        values["mount"] = mount
    if drbd:
        values["drbd"] = {"resource": drbd}
    if bind:
        values["bind"] = {"directory": bind}
    if dnsmasq:
        values["dnsmasq"] = {"directory": root / "dnsmasq"}
        if mount:
            values["dnsmasq"]["lease_file"] = root / "leases/dnsmasq.leases"
        if dhcp_script:
            values["dnsmasq"]["dhcp_script"] = dhcp_script
    return values


def node_yaml(values: Mapping[str, Any]) -> str:
    """node.yaml with `values` set. Sections are written out, or shown commented."""
    lines = [_HEAD]
    for name, field in NodeConfig.model_fields.items():
        if name in _SECTIONS:
            lines += _section(name, field.description or "", _SECTIONS[name], values.get(name))
        else:
            lines += _setting(name, field, values.get(name), indent="", commented=False)
    return "\n".join(lines) + "\n"


def _section(name: str, description: str, model: type[BaseModel], values: Mapping[str, Any] | None) -> list[str]:
    off = values is None
    lines = ["", f"# {description}", f"#{name}:" if off else f"{name}:"]
    for key, field in model.model_fields.items():
        lines += _setting(key, field, (values or {}).get(key), indent="  ", commented=off)
    return lines


def _setting(name: str, field: Any, value: Any, *, indent: str, commented: bool) -> list[str]:
    default = None if field.default is PydanticUndefined else field.default
    shown = value if value is not None else default
    mark = "#" if commented or value is None else ""
    blank = [] if indent else [""]
    text = _scalar(shown)
    return [
        *blank,
        *(f"{indent}# {line}" for line in (field.description or "").splitlines()),
        f"{mark}{indent}{name}: {text}".rstrip(),
    ]


def _scalar(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_scalar(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)
