"""The generated reference: complete, and agreeing with what the loader takes."""

import json
import re
from typing import Any

import pytest
import yaml

from reconciler.state.reference import json_schema, markdown
from reconciler.state.schema import Dns, Host, Network, Site, ZonePolicy


def objects(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for item in schema for found in objects(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if "properties" in schema else []
    return own + [found for value in schema.values() for found in objects(value)]


@pytest.mark.parametrize("document", ["site", "hosts"])
def test_schema_says_what_every_key_means(document: Any) -> None:
    schema = json_schema(document)
    assert json.loads(json.dumps(schema)) == schema
    for found in objects(schema):
        assert found["additionalProperties"] is False
        assert found["description"]
        for name, field in found["properties"].items():
            assert field.get("description"), f"{found['title']}.{name} has no description"


def test_schema_takes_numbers_and_limits_as_editors_know_them() -> None:
    schema = json_schema()
    assert schema["properties"]["version"]["enum"] == [1, "1"]
    vlan = schema["$defs"]["Network"]["properties"]["vlan"]["anyOf"][0]
    assert (vlan["type"], vlan["minimum"], vlan["maximum"]) == (["integer", "string"], 1, 4094)
    assert json_schema("hosts")["additionalProperties"]["$ref"] == "#/$defs/Host"


def test_markdown_has_a_row_for_every_key() -> None:
    text = markdown()
    for model in (Site, Network, Dns, ZonePolicy, Host):
        for name in model.model_fields:
            assert re.search(rf"^\| `{name}` \|", text, re.MULTILINE), name
    for target in re.findall(r"\]\(#([a-z0-9]+)\)", text):
        assert re.search(rf"^### {target}$", text, re.MULTILINE | re.IGNORECASE)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 5 for row in rows)


def test_defaults_in_markdown_are_what_the_loader_takes() -> None:
    text = markdown()
    for key, value in (("lease", 43200), ("negative_ttl", 300), ("lease_names", True), ("generate_names", False)):
        row = re.search(rf"^\| `{key}` \|[^|]*\| `([^`]*)` \|", text, re.MULTILINE)
        assert row
        models: dict[str, Any] = {"lease": "dhcp", "lease_names": None, "negative_ttl": None, "generate_names": None}
        written = yaml.load(row[1], Loader=yaml.BaseLoader)
        if models[key] == "dhcp":
            network = Network.model_validate({"dhcp": {key: written}})
            assert network.dhcp
            assert network.dhcp.lease == value
        else:
            owner = {"lease_names": Network, "negative_ttl": Dns, "generate_names": Network}[key]
            assert getattr(owner.model_validate({key: written}), key) == value
