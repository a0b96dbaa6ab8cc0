"""The documents say what is true: commands and options exist, links lead somewhere, examples work."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from state_trees import FENCE, built, documented

from reconciler.cli.main import cli
from reconciler.config import BindSettings, DnsmasqSettings, NodeConfig
from reconciler.state import bindtext, dnsmasqtext
from reconciler.state.reference import markdown

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("state-repo-example/**/README.md"))]
STATE = (ROOT / "docs/state.md").read_text()

FORBIDDEN = re.compile(
    r"\.\./shared|\bissues? #?\d|(?<![\w.])#\d+\b|/work/|(?<!\.\.)(?<!example)/home/|/root\b|"
    r"pypi|pythonhosted|docker\.io|ghcr|quay\.io",
    re.IGNORECASE,
)
"""Nothing here depends on one machine, on one registry, or on how this was made."""

INLINE = re.compile(r"`([^`\n]+)`")
NO_COMMAND = re.compile(
    r"\s*\d+\.\d\d s  |"
    r"remote:|reconciler: |command=|journalctl |pgrep |sudo -u reconciler |sudo chown |(sudo )?systemctl "
)
"""Lines of code that name the program, its user or its unit, and do not call it."""

documents = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def code(text: str) -> Iterator[str]:
    """Every line of code in a document: fenced, indented and inline."""
    for fence in FENCE.finditer(text):
        yield from fence["body"].splitlines()
    plain = FENCE.sub("", text)
    yield from re.findall(r"^    (\S.*)$", plain, re.MULTILINE)
    yield from INLINE.findall(plain)


def commands(text: str) -> Iterator[list[str]]:
    """Words of every `reconciler …` command, up to a pipe, comment or the end of its line."""
    for line in code(text):
        if not NO_COMMAND.match(line):
            for match in re.finditer(r"(?:^|[\s/$])reconciler (?=[a-z-])([^|&;<>#()`…]*)", line):
                yield shlex.split(match[1].replace("'", "").replace('"', ""))


def explain(words: list[str]) -> str:
    """What is wrong with a command, "" where click would take its name and options."""
    if words[0].startswith("-"):
        known = {option for parameter in cli.params for option in parameter.opts} | {"--help", "-h"}
        return "" if words[0] in known else f"no option {words[0]}"
    command = cli.get_command(click.Context(cli), words[0])
    if command is None:
        return f"no command {words[0]}"
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    wrong = [word for word in words[1:] if word.startswith("-") and word.partition("=")[0] not in {*known, "--help"}]
    return f"{words[0]} has no option {wrong[0]}" if wrong else ""


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@documents
def test_commands_and_options_exist(path: Path) -> None:
    wrong = [f"reconciler {' '.join(words)}: {why}" for words in commands(path.read_text()) if (why := explain(words))]
    assert not wrong


def test_every_command_is_documented() -> None:
    """At least by name, in the table of operations.md."""
    text = (ROOT / "docs/operations.md").read_text()
    missing = [name for name in cli.list_commands(click.Context(cli)) if f"`reconciler {name}" not in text]
    assert not missing


def texts(tree: ast.AST) -> Iterator[str]:
    """The strings of a module, with X for what is filled in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_commands_that_the_program_names_exist() -> None:
    wrong, number = [], 0
    for path in sorted((ROOT / "reconciler").rglob("*.py")):
        for text in texts(ast.parse(path.read_text())):
            for match in re.finditer(r"(?:`|sudo )reconciler ([a-z][^`|&;<>#()…\n]*)", text):
                words = match[1].replace("'", "").replace('"', "").split()
                number += 1
                if why := explain(words):
                    wrong.append(f"{path.name}: reconciler {' '.join(words)}: {why}")
    assert not wrong
    assert number > 40


def test_remedies_can_be_copied() -> None:
    """Each reconciler command that the doctor proposes is one that click takes, values of options included."""
    number = 0
    for path in (*(ROOT / "reconciler/doctor").glob("*.py"), ROOT / "reconciler/cli/doctor.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            if name not in ("node.command", "remedy_command"):
                continue
            given = node.args[1:] if name == "remedy_command" else node.args
            words = [str(word.value) if isinstance(word, ast.Constant) else "example.net" for word in given]
            command = cli.get_command(click.Context(cli), words[0])
            assert command is not None, words
            command.make_context(words[0], [*words[1:], "--config", "/etc/reconciler/node.yaml"])
            number += 1
    assert number > 25


@documents
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", path.read_text())):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


@documents
def test_nothing_depends_on_where_or_how_it_was_made(path: Path) -> None:
    found = [match[0] for match in FORBIDDEN.finditer(path.read_text())]
    assert not found


def test_reference_is_what_the_program_prints() -> None:
    (text,) = re.findall(r"<!-- begin reference -->\n(.*?)<!-- end reference -->", STATE, re.DOTALL)
    assert text == markdown(), "write it anew with scripts/reference.sh"


@pytest.mark.parametrize("site", sorted(documented()))
def test_examples_load_and_build(site: str) -> None:
    result = built(documented()[site])
    assert result.site is not None, [str(problem) for problem in result.problems]


def test_examples_give_the_names_that_the_text_tells() -> None:
    result = built(documented()["subnet"]).site
    assert result is not None
    pointers = {
        (owner, *rrset.rdatas)
        for zone in result.zones.values()
        for (owner, rtype), rrset in zone.zone.rrsets.items()
        if rtype == "PTR"
    }
    told = re.findall(r"`(\S+-addr\.arpa)\. PTR (\S+)`", STATE.replace("\n", " "))
    assert told
    assert {(f"{owner}.", target) for owner, target in told} <= pointers


def test_allow_lists_are_those_of_the_program() -> None:
    section = STATE[STATE.index("## Escape hatches") : STATE.index("## Secrets")]
    told = set(INLINE.findall(section))
    parts = set().union(*bindtext._PARTS.values())
    assert dnsmasqtext.ALLOWED | bindtext.ALLOWED | parts <= told
    (listed,) = re.findall(r"^- `dnsmasq\.d/`: (.*?)\n\n", section, re.MULTILINE | re.DOTALL)
    assert set(INLINE.findall(listed)) == dnsmasqtext.ALLOWED


def test_settings_named_in_the_text_exist() -> None:
    """`bind.port: …` and the like, as operations.md and README.md write settings of node.yaml."""
    sections = {"bind": BindSettings.model_fields, "dnsmasq": DnsmasqSettings.model_fields}
    for path in DOCUMENTS:
        for section, key in re.findall(r"`(bind|dnsmasq)\.(?!conf|d\b)([a-z_]+)(?::[^`]*)?`", path.read_text()):
            assert key in sections[section], f"{path.name}: {section}.{key}"
    assert {"bind", "dnsmasq"} <= NodeConfig.model_fields.keys()


def test_installed_paths_agree_with_the_units() -> None:
    readme = (ROOT / "README.md").read_text()
    for unit in ("reconciler.service", "reconciler-helper@.service"):
        (program,) = re.findall(r"^ExecStart=(\S+)", (ROOT / "systemd" / unit).read_text(), re.MULTILINE)
        folder = str(Path(program).parent).removesuffix("/bin")
        assert folder in readme, f"{unit} starts {program}"
    (user_id,) = re.findall(r"^u reconciler (\d+) ", (ROOT / "systemd/reconciler.sysusers").read_text(), re.MULTILINE)
    assert user_id in readme
