"""YAML with positions: what comes out is what was written, and mistakes point to their place."""

from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.state import yaml
from reconciler.state.problem import Position
from reconciler.state.tree import Blob

PRINTABLE = st.characters(
    min_codepoint=0x20, max_codepoint=0x2FF, blacklist_characters="\x7f", blacklist_categories=("Cc", "Cs")
)
TEXTS = st.text(PRINTABLE, max_size=12)
DOCUMENTS = st.recursive(
    TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


class NoAliases(pyyaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def read(text: str | bytes) -> yaml.Document:
    return yaml.read("f.yaml", Blob("", text.encode() if isinstance(text, str) else text))


@given(DOCUMENTS, st.sampled_from([True, False, None]))
def test_reads_back_what_was_written(data: Any, flow: bool | None) -> None:
    document = read(pyyaml.dump(data, Dumper=NoAliases, allow_unicode=True, default_flow_style=flow))
    assert (document.data, document.problems) == (data, ())


@given(DOCUMENTS, st.sampled_from([True, False, None]))
def test_positions_are_those_of_the_nodes(data: Any, flow: bool | None) -> None:
    text = pyyaml.dump(data, Dumper=NoAliases, allow_unicode=True, default_flow_style=flow)
    document = read(text)

    def walk(node: Any, path: tuple[Any, ...], key: Any) -> None:
        scalar = isinstance(node, pyyaml.ScalarNode)
        mark = node.start_mark if key is None or scalar else key.start_mark
        assert document.locator.at(*path) == Position("f.yaml", mark.line + 1, mark.column + 1)
        if isinstance(node, pyyaml.MappingNode):
            for inner_key, inner in node.value:
                mark = inner_key.start_mark
                inner_path = (*path, inner_key.value)
                assert document.at_key(*inner_path) == Position("f.yaml", mark.line + 1, mark.column + 1)
                walk(inner, inner_path, inner_key)
        elif isinstance(node, pyyaml.SequenceNode):
            for index, inner in enumerate(node.value):
                walk(inner, (*path, index), None)

    walk(pyyaml.compose(text, Loader=pyyaml.CSafeLoader), (), None)


JUNK = st.text(st.sampled_from("ab:: -[]{},&*!|>%@`#?'\"\t\n\r~<\\é\x00\u2028 0."), max_size=40)


@given(JUNK | st.text(max_size=40))
def test_junk_text_gives_problems_inside_the_file(text: str) -> None:
    check_junk(text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=60))
def test_junk_bytes_give_problems_inside_the_file(data: bytes) -> None:
    check_junk(data)


def check_junk(data: bytes) -> None:
    document = read(data)
    lines = data.decode("utf-8", "replace").replace("\r", "\n").split("\n")
    for problem in document.problems:
        assert 1 <= problem.where.line <= len(lines) + 1
        assert problem.where.column >= 1
        assert problem.what


@pytest.mark.parametrize(
    "text",
    [
        "12:34:56:78:9a:bc",
        "no",
        "010",
        "1.10",
        "0777",
        "12:34:56",
        "10:10:10:10:10:10",
        "2001:db8::1",
        "1_000",
        "2026-11-20",
        "0x1F",
        ".5",
        "+1",
        "=",
    ],
)
def test_scalars_stay_text(text: str) -> None:
    document = read(f"a: {text}\nb: [{text}]\nc:\n- {text}\n{text}: d\n")
    assert document.data == {"a": text, "b": [text], "c": [text], text: "d"}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "~", "null", "\ufeff"])
def test_nothing_is_none(text: str) -> None:
    document = read(text)
    assert (document.data, document.problems) == (None, ())


def test_quoted_null_is_text() -> None:
    assert read("a: 'null'\nb: ''\nc: null\nd:\n").data == {"a": "null", "b": "", "c": None, "d": None}


def test_windows_line_ends_and_byte_order_mark() -> None:
    document = read("\ufeffa: 1\r\nb:\r\n  c: 2\r\n")
    assert document.data == {"a": "1", "b": {"c": "2"}}
    assert document.locator.at("a") == ("f.yaml", 1, 4)
    assert document.locator.at("b", "c") == ("f.yaml", 3, 6)


MISTAKES: list[tuple[str | bytes, str, str]] = [
    ("a: 1\nb: 2\na: 3\n", "3:1", "'a' stands twice; it stands first in line 1"),
    ("a: {x: 1, x: 2}\n", "1:11", "'x' stands twice"),
    ("a: &x 1\n", "1:4", "anchor &x"),
    ("a: 1\nb: *x\n", "2:4", "alias *x"),
    ("*x : 1\n", "1:1", "alias *x"),
    ("b:\n  <<: {a: 1}\n", "2:3", "merge key"),
    ("a: !!python/object:os.system x\n", "1:4", "tag"),
    ("a: ! 1\n", "1:4", "tag"),
    ("!x a: 1\n", "1:1", "tag"),
    ("a: 1\n---\nb: 2\n", "2:1", "second document"),
    ("a: 1\n...\n---\nb: 2\n", "3:1", "second document"),
    ("a:\n\tb: 1\n", "2:1", "tab indents this line; use spaces"),
    ("- 2001:db8::\n", "1:3", 'quote it: "2001:db8::"'),
    ("a:\n- ::1\n- 2001:db8::\n", "3:3", 'quote it: "2001:db8::"'),
    ("a: 2001:db8::\n", "1:13", 'quote it: "2001:db8::"'),
    ("a: {b: 2001:db8::}\n", "1:17", 'quote it: "2001:db8::"'),
    ("a: [1, 2001:db8::]\n", "1:17", 'quote it: "2001:db8::"'),
    ("a: [::1]\n", "1:5", 'quote it: "::1"'),
    ("a: @x\n", "1:4", "cannot start with '@'; quote it"),
    ("a: *\n", "1:5", "quote it"),
    ("a: [b\nc: d\n", "1:4", "not closed by ']'"),
    ("a: {b: c\n", "1:4", "not closed by '}'"),
    ("a: 'b\n", "1:4", "quote that opens here is not closed"),
    ("a: b: c\n", "1:5", "colon stands where a value goes on"),
    ("a: 1\nb\n", "2:1", "key without a colon"),
    ("a:\n  - b\n c: d\n", "3:2", "check its indentation"),
    ("? [a]\n: 1\n", "1:3", "list or mapping stands as a key"),
    ("? {a: b}\n: 1\n", "1:3", "list or mapping stands as a key"),
    ("[" * 21, "1:21", "nested deeper than 20"),
    (b"a: 1\nb: f\xfcr\n", "2:5", "byte 0xfc is not UTF-8"),
    (b"a: \xc3\xbc\x00\n", "1:5", "U+0000"),
    ('a: "x\\0y"\n', "1:4", "U+0000"),
    ('"a\\u202e": 1\n', "1:1", "U+202E"),
    ("a: x\u2028y\n", "1:5", "U+2028"),
    ("x" * (4 * 1024 * 1024 + 1), "1:1", "the limit is 4 MiB"),
]


@pytest.mark.parametrize(("text", "where", "message"), MISTAKES)
def test_mistakes(text: str | bytes, where: str, message: str) -> None:
    (problem,) = read(text).problems
    line, column = map(int, where.split(":"))
    assert problem.where == Position("f.yaml", line, column), str(problem)
    assert message in str(problem)


def test_reading_goes_on_after_a_mistake() -> None:
    document = read("a: &x {b: 1}\nc: *x\na: {e: {f: 1}}\nd: 2\n<<: [*x]\nl:\n- 2001:db8::\n- x\n")
    assert document.data == {"a": {"b": "1"}, "c": None, "d": "2", "l": ["2001:db8::", "x"]}
    assert [problem.where.line for problem in document.problems] == [1, 2, 3, 5, 5, 7]


def test_very_deep_and_very_long_documents_end_soon() -> None:
    for text in ("[" * 1_000_000, "{a: " * 250_000, "- " * 1_000_000, "? " * 1_000_000):
        assert read(text).problems
