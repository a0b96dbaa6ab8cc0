"""Which answers are asked for after a change."""

from reconciler.services.dnsmasq.verify import SAMPLE, Expectation, expectations

A = ("a.example.org.", "A")


def test_only_what_changed_is_asked():
    old = {A: ("192.0.2.1",), ("b.example.org.", "A"): ("192.0.2.2",)}
    new = {A: ("192.0.2.3",), ("b.example.org.", "A"): ("192.0.2.2",)}
    assert expectations(old, new) == [
        Expectation("a.example.org.", "A", frozenset({"192.0.2.3"}), frozenset({"192.0.2.1"}))
    ]


def test_removed_name_must_not_keep_its_old_data():
    assert expectations({A: ("192.0.2.1",)}, {})[0].gone == {"192.0.2.1"}


def test_removed_name_under_a_wildcard_proves_nothing():
    assert expectations({A: ("192.0.2.1",)}, {("*.example.org.", "A"): ("192.0.2.1",)})[1:] == []


def test_many_are_sampled_evenly():
    new = {(f"h{number:04}.example.org.", "A"): ("192.0.2.1",) for number in range(1000)}
    asked = expectations({}, new)
    assert len(asked) == SAMPLE
    assert [item.owner for item in asked[:2]] == ["h0000.example.org.", "h0005.example.org."]
