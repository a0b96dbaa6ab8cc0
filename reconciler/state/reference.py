"""The reference of the state repository's files, made from the schema: JSON Schema and Markdown."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

from reconciler.state.schema import Host, Site

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_LIMITS = {"ge": "minimum", "le": "maximum"}
_FORMATS = {
    "yes-or-no": "yes or no",
    "time-span": "time (`90s`, `12h`, `7d`)",
    "mac": "MAC address",
    "domain": "domain name",
    "ipv4": "IPv4 address",
    "ipv6": "IPv6 address",
    "ipv4-prefix": "IPv4 network",
    "ipv6-prefix": "IPv6 network",
    "record-type": "record type",
    "owner": "owner name",
    "client": "prefix, address, network's name, `localhost`, `localnets` or `any`",
    "view": "name of a view",
    "server": "address of a DNS server",
    "url": "address of a web page",
}


def json_schema(document: Literal["site", "hosts"] = "site") -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of site.yaml, or of hosts.yaml and hosts/*.yaml, for editors.

    It takes values as an editor reads them, so numbers and booleans may stand without quotes.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(Site if document == "site" else dict[str, Host])
    schema = _standard(adapter.json_schema(mode="validation"))
    title = "site.yaml" if document == "site" else "hosts.yaml, hosts/*.yaml"
    return {"$schema": _DIALECT, **schema, "title": title}


def markdown() -> str:
    """Tables of all keys of site.yaml and hosts files: the generated part of the reference."""
    parts = [
        "## site.yaml",
        *_tables(Site),
        "## hosts.yaml, hosts/*.yaml",
        "A mapping of host names to what is known of each host.",
        *_tables(Host),
    ]
    return "\n\n".join(parts) + "\n"


def _standard(schema: Any) -> Any:
    """Limits under the names that JSON Schema knows; pydantic keeps its own where a type brings its schema."""
    if isinstance(schema, dict):
        return {_LIMITS.get(key, key): _standard(value) for key, value in schema.items()}
    return [_standard(item) for item in schema] if isinstance(schema, list) else schema


def _tables(root: type[BaseModel]) -> Iterator[str]:
    """A table for the model, then one for each mapping below it, in the order in which they are met."""
    schema = root.model_json_schema(mode="validation")
    definitions: dict[str, Any] = schema.pop("$defs", {})
    yield _table(schema, definitions)
    for name in _mappings(schema, definitions, {}):
        yield f"### {name}"
        yield definitions[name].get("description", "")
        yield _table(definitions[name], definitions)


def _mappings(schema: Any, definitions: dict[str, Any], seen: dict[str, None]) -> dict[str, None]:
    """Names of the mappings that a schema leads to, in order, each once."""
    if isinstance(schema, dict):
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        if name and name not in seen and "properties" in definitions[name]:
            seen[name] = None
            _mappings(definitions[name], definitions, seen)
        for value in schema.values():
            _mappings(value, definitions, seen)
    elif isinstance(schema, list):
        for item in schema:
            _mappings(item, definitions, seen)
    return seen


def _table(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    rows = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    required = schema.get("required", [])
    for name, field in schema["properties"].items():
        default = "**required**" if name in required else _default(field)
        rows.append(f"| `{name}` | {_type(field, definitions)} | {default} | {field.get('description', '')} |")
    return "\n".join(rows)


def _type(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        target = definitions[name]
        return f"[{name}](#{name.lower()})" if "properties" in target else _type(target, definitions)
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ", ".join(f"`{value}`" for value in dict.fromkeys(map(str, values)))
    branches = schema.get("anyOf") or schema.get("oneOf")
    if branches:
        return _alternatives(branches, definitions)
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'], definitions)}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"mapping of names to {_type(schema['additionalProperties'], definitions)}"
    name = str(schema.get("format", "text"))
    return _FORMATS.get(name, name)


def _alternatives(branches: list[dict[str, Any]], definitions: dict[str, Any]) -> str:
    kinds = [_type(branch, definitions) for branch in branches if branch.get("type") != "null"]
    words = [
        "or a list" if kind == f"list of {kinds[index - 1]}" and index else kind for index, kind in enumerate(kinds)
    ]
    return " or ".join(words).replace(" or or ", ", or ") if len(words) > 1 else words[0]


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value in (None, [], {}) or isinstance(value, dict):
        return "–"
    if isinstance(value, bool):
        return "`yes`" if value else "`no`"
    if field.get("format") == "time-span":
        return f"`{_span(value)}`"
    return ", ".join(f"`{item}`" for item in (value if isinstance(value, list) else [value]))


def _span(seconds: int) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
