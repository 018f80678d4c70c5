from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog import current_scope
from cog._metrics import Metrics
from cog._scope import Scope, ScopeMetrics, enter_scope, leave_scope

SEGMENT = st.from_regex(r"[a-z]([a-z0-9]|_[a-z0-9]){0,5}", fullmatch=True).filter(
    lambda name: name not in {"cog", "predict_time"}
)
NAMES = st.lists(SEGMENT, min_size=1, max_size=4).map(".".join)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "must not have empty segments"),
        ("1st", "must start with a letter"),
        ("_x", "must start with a letter"),
        ("a.1", "must start with a letter"),
        ("a__b", "must not contain consecutive underscores"),
        ("a_", "must end with a letter or digit"),
        ("a_.b", "must end with a letter or digit"),
        ("a-b", "must contain only letters, digits and underscores"),
        ("é", "must start with a letter"),
        (".a", "must not start with a dot"),
        ("a..b", "must not have empty segments"),
        ("a.", "must not have empty segments"),
        ("a.b.c.d.e", "must have at most 4 dot-separated segments"),
        ("a" * 129, "must have at most 128 characters"),
        ("predict_time", "is reserved"),
        ("cog", "is reserved"),
        ("cog.x", "is reserved"),
    ],
)
def test_a_bad_name_is_refused_with_the_rule(name: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"metric name .* {problem}"):
        Metrics().record(name, 1)


@pytest.mark.parametrize("name", ["a", "A1", "a_b", "a.b.c.d", "cogs", "a.cog", "a" * 128])
def test_good_names_are_taken(name: str) -> None:
    assert Metrics().record(name, 1) == "replace"


def _put(tree: dict[str, object], path: list[str], value: int) -> dict[str, object]:
    """Return ``tree`` with a value at a path, whatever was in the way gone."""
    if len(path) == 1:
        return tree | {path[0]: value}
    inner = tree.get(path[0])
    return tree | {path[0]: _put(inner if isinstance(inner, dict) else {}, path[1:], value)}


@given(st.lists(st.tuples(NAMES, st.integers())))
def test_names_with_dots_are_places_in_a_tree(records: list[tuple[str, int]]) -> None:
    metrics = Metrics()
    tree: dict[str, object] = {}
    for name, value in records:
        metrics.record(name, value)
        tree = _put(tree, name.split("."), value)
    assert metrics.nested() == tree


def test_a_name_inside_a_recorded_object_joins_it() -> None:
    metrics = Metrics()
    given = {"x": 1}
    metrics.record("a", given)
    metrics.record("a.b", 2)
    assert metrics.nested() == {"a": {"x": 1, "b": 2}}
    assert given == {"x": 1}
    metrics.delete("a")
    assert metrics.nested() == {}


@pytest.mark.parametrize("value", [True, 1, 1.5, "x", [1], {"a": 1}])
def test_json_values_are_taken(value: object) -> None:
    metrics = Metrics()
    metrics.record("m", value)
    assert metrics.nested() == {"m": value}


@pytest.mark.parametrize("value", [None, object(), b"x", (1,), {1}])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="must be bool, int, float, str, list or dict"):
        Metrics().record("m", value)


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": object()}])
def test_values_that_json_cannot_hold_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        Metrics().record("m", value)


def test_a_metric_keeps_its_kind_until_it_is_deleted() -> None:
    metrics = Metrics()
    metrics.record("m", 1)
    metrics.record("m", 1.5)
    with pytest.raises(TypeError, match="holds a number, not a str; delete it first"):
        metrics.record("m", "text")
    metrics.delete("m")
    metrics.record("m", "text")
    assert metrics.nested() == {"m": "text"}


def test_incr_adds_and_starts_at_zero() -> None:
    metrics = Metrics()
    assert metrics.record("m", 2, "incr") == "increment"
    assert metrics.record("m", 3, "increment") == "increment"
    assert metrics.nested() == {"m": 5}


@pytest.mark.parametrize("value", [True, "1", [1]])
def test_only_numbers_are_added(value: object) -> None:
    with pytest.raises(TypeError, match="only numbers can be incremented"):
        Metrics().record("m", value, "incr")


def test_only_to_numbers_is_added() -> None:
    metrics = Metrics()
    metrics.record("m", 5, "append")
    with pytest.raises(TypeError, match=r"only numbers can be incremented, not \[5\]"):
        metrics.record("m", 1, "incr")


def test_append_makes_a_list_of_one_kind() -> None:
    metrics = Metrics()
    metrics.record("m", 1, "append")
    assert metrics.record("m", 2.5, "append") == "append"
    assert metrics.nested() == {"m": [1, 2.5]}
    with pytest.raises(TypeError, match="holds a number, not a str"):
        metrics.record("m", "x", "append")


def test_appending_makes_a_value_the_first_of_a_list() -> None:
    metrics = Metrics()
    metrics.record("m", 1)
    metrics.record("m", 2, "append")
    assert metrics.nested() == {"m": [1, 2]}
    metrics.record("m", 3)
    assert metrics.nested() == {"m": 3}


def test_append_to_a_list_recorded_whole_takes_lists_only() -> None:
    metrics = Metrics()
    metrics.record("m", [1])
    with pytest.raises(TypeError, match="holds a list, not a number"):
        metrics.record("m", 2, "append")


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="'add' is not one of replace, incr, increment, append"):
        Metrics().record("m", 1, "add")


def test_outside_a_prediction_the_scope_leads_nowhere() -> None:
    scope = current_scope()
    scope.record_metric("m", 1)
    scope.record_metric("not a name", object())
    del scope.metrics["m"]
    assert scope.context == {}


def test_the_scope_tells_each_metric_and_its_mode() -> None:
    told: list[tuple[str, object, str]] = []
    scope = Scope({"a": "b"}, ScopeMetrics(Metrics(), lambda *metric: told.append(metric)))
    token = enter_scope(scope)
    try:
        assert current_scope() is scope
        current_scope().metrics["m"] = 1
        current_scope().metrics.record("m", 2, mode="incr")
        del current_scope().metrics["m"]
        current_scope().record_metric("m", "text", mode=None)
    finally:
        leave_scope(token)
    assert current_scope() is not scope
    assert told == [
        ("m", 1, "replace"), ("m", 2, "increment"), ("m", None, "delete"), ("m", "text", "replace"),
    ]  # fmt: skip


def test_the_context_is_a_dict_of_the_handlers_own() -> None:
    given = {"a": "b"}
    scope = Scope(given, ScopeMetrics(Metrics(), lambda *_metric: None))
    scope.context["a"] = "c"
    assert json.dumps(scope.context) == '{"a": "c"}'
    assert given == {"a": "b"}
