"""The one writer of YAML for the state: what it writes, the state's own loader reads back as the same text."""

from typing import Any

import yaml

from reconciler.errors import ReconcilerError
from reconciler.state.text import UNWANTED

_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
_LONGEST_LINE = 120


class Unwritable(ReconcilerError):
    """A text has a character that no file of the repository may hold."""


class _Dumper(yaml.CSafeDumper):
    """All scalars are text there, so nothing is quoted but what would be read as nothing, or as a merge."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  PyYAML's own form; filled below.

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _text in ("~", "n", "N", ""):
    _Dumper.yaml_implicit_resolvers.setdefault(_text, []).append(
        (_NULL, yaml.resolver.Resolver.yaml_implicit_resolvers["~"][0][1])
    )
_Dumper.yaml_implicit_resolvers["<"] = yaml.resolver.Resolver.yaml_implicit_resolvers["<"]


def _string(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    # One line: in a block or folded scalar, blanks at ends of lines do not last.
    style = '"' if "\n" in text or "\t" in text or text != text.strip() else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _string)


def dump(data: dict[str, Any]) -> str:
    """YAML text of mappings, lists and text, in the order given. Raises Unwritable."""
    _check(data)
    text: str = yaml.dump(
        data,
        Dumper=_Dumper,
        default_flow_style=None,
        sort_keys=False,
        allow_unicode=True,
        width=_LONGEST_LINE,
    )
    return text


def _check(data: Any) -> None:
    if isinstance(data, str):
        if bad := UNWANTED.search(data):
            raise Unwritable(f"character U+{ord(bad[0]):04X} cannot stand in a state repository")
    elif isinstance(data, dict):
        for key, value in data.items():
            _check(key)
            _check(value)
    else:
        for value in data:
            _check(value)
