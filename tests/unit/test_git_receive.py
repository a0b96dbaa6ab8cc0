"""What a push may do to which ref, and the protocol between hooks and daemon."""

import importlib.util
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.daemon.hook_request import HookRequest, interpret
from reconciler.daemon.protocol import ProtocolError, Request, encode_line, read_request
from reconciler.git.fastimport import NewCommit, encode
from reconciler.git.receive import Action, Update, judge

ZERO = "0" * 40
A, B = "a" * 40, "b" * 40


def action(ref: str, old: str = A, new: str = B, *, forward: bool = True, branch: str = "main") -> Action:
    (verdict,) = judge([Update(old, new, ref)], branch, lambda ancestor, descendant: forward)
    assert bool(verdict.reason) == (verdict.action is Action.REFUSE)
    return verdict.action


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("refs/heads/main", Action.APPLY),
        ("refs/heads/feature", Action.CHECK),
        ("refs/heads/main2", Action.CHECK),
        ("refs/heads/auditor", Action.CHECK),
        ("refs/tags/v1", Action.IGNORE),
        ("refs/notes/commits", Action.IGNORE),
        ("refs/heads/audit", Action.REFUSE),
        ("refs/heads/audit/x", Action.REFUSE),
        ("refs/notes/reconciler", Action.REFUSE),
        ("refs/notes", Action.REFUSE),
        ("refs/heads/leases/2026-11", Action.REFUSE),
        ("refs/heads/leases", Action.REFUSE),
        ("refs/heads/lost/n1/main", Action.REFUSE),
        ("refs/replace/" + A, Action.REFUSE),
        ("refs/heads/main/sub", Action.REFUSE),
    ],
)
def test_actions_by_ref(ref, expected):
    assert action(ref) is expected
    if expected is Action.REFUSE:
        assert action(ref, ZERO, B) is Action.REFUSE
        if "/lost/" not in ref:
            assert action(ref, A, ZERO) is Action.REFUSE


def test_what_was_lost_may_be_deleted_and_nothing_else_be_done_with_it():
    for ref in ("refs/heads/lost/n1/20261130-140441-aaaaaaaaa", "refs/tags/lost/n1/x"):
        assert action(ref, A, ZERO) is Action.IGNORE
        assert action(ref, A, B) is Action.REFUSE
        assert action(ref, ZERO, B) is Action.REFUSE
    for ref in ("refs/heads/lost", "refs/tags/lost", "refs/heads/lostn"):
        assert (action(ref, A, ZERO) is Action.REFUSE) == (not ref.endswith("n"))


def test_deployed_branch_moves_only_forward():
    assert action("refs/heads/main", ZERO, B) is Action.APPLY
    assert action("refs/heads/main", A, ZERO) is Action.REFUSE
    assert action("refs/heads/main", A, B, forward=False) is Action.REFUSE
    assert action("refs/heads/feature", A, B, forward=False) is Action.CHECK
    assert action("refs/heads/feature", A, ZERO) is Action.IGNORE
    assert action("refs/heads/team", branch="team/main") is Action.REFUSE
    assert action("refs/heads/team/main", branch="team/main") is Action.APPLY


def test_creating_does_not_ask_for_ancestry():
    def never(ancestor: str, descendant: str) -> bool:
        raise AssertionError

    assert judge([Update(ZERO, A, "refs/heads/main")], "main", never)[0].action is Action.APPLY


def load_client():
    path = Path(__file__).parents[2] / "hooks/client.py"
    spec = importlib.util.spec_from_file_location("client", path)
    client = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(client)
    return client


@given(
    st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
)
def test_request_survives_the_wire(options, name):
    client = load_client()
    client.posix = FakePosix(options, name)
    update = f"{ZERO} {A} refs/heads/ü%41"
    message = client.request("pre-receive", f"{update}\n".encode())
    assert message.isascii()
    assert message.count(b"\n\n") == 1
    assert message.endswith(b"\n\n")
    request = interpret(read_request(io.BytesIO(message)))
    assert request == HookRequest(
        "pre-receive",
        (Update(ZERO, A, "refs/heads/ü%41"),),
        tuple(options),
        name,
        1234,
        {"GIT_QUARANTINE_PATH": f"/a b/{name}"},
        77,
    )


class FakePosix:
    def __init__(self, options: list[str], name: str) -> None:
        pairs = {f"GIT_PUSH_OPTION_{i}": option for i, option in enumerate(options)}
        pairs |= {"GIT_PUSH_OPTION_COUNT": str(len(options)), "RECONCILER_PUSHED_BY": name}
        pairs |= {"GIT_QUARANTINE_PATH": f"/a b/{name}", "GIT_DIR": "."}
        self.environ = {key.encode(): value.encode() for key, value in pairs.items()}

    def getuid(self) -> int:
        return 1234

    def getppid(self) -> int:
        return 77


@pytest.mark.parametrize("values", [{"update": ("x",)}, {"uid": ("x",)}, {"env": ("x",)}])
def test_request_out_of_form_is_refused(values):
    with pytest.raises(ProtocolError, match="not a hook's request"):
        interpret(Request("pre-receive", values))


def test_unknown_keys_are_left_out():
    assert interpret(Request("pre-receive", {"colour": ("red",)})).verb == "pre-receive"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_shown_text_cannot_end_the_answer(text):
    *shown, rest = encode_line(text).decode().split("\n")
    assert rest == ""
    assert all(line.startswith("|") and line.isprintable() for line in shown)


@pytest.mark.parametrize("path", ["", "/a", "a//b", "../x", "a/.git/b", "a/."])
def test_paths_that_git_must_not_get(path):
    with pytest.raises(ValueError, match="not a path"):
        encode([NewCommit("refs/heads/audit", None, "a <b>", 0, "m", files={path: b""})])
