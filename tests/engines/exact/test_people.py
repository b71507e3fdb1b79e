"""Only values that enough people stand behind are returned; ids that are missing or zeros are nobody."""

import pytest

from rtb_optimizer.engines.exact.people import with_enough_people

NOBODY = [None, "", "null", "00000000-0000-0000-0000-000000000000", "0"]


@pytest.mark.parametrize(
    ("people", "least", "is_enough"),
    [
        (["a", "b", "c"], 3, True),
        (["a", "b", "c"], 3.5, False),
        (["a", "b", "b", "a"], 3, False),
        (["a", "b", *NOBODY], 3, False),
        ([1, 2, 3, 3, None], 3, True),
        ([0, 1, 2], 3, False),
    ],
)
def test_distinct_ids_are_counted(open_logs, people, least, is_enough):
    n = len(people)
    engine, table = open_logs({"site": ["s"] * n, "who": people, "click": [0] * n}, person_id_column="who")

    assert with_enough_people(engine, table, {"site": ["site"]}, least) == {
        "site": frozenset({"s"} if is_enough else ())
    }


def test_cells_of_several_features_are_counted_by_their_key(open_logs):
    columns = {"a": ["x"] * 4, "b": ["1", "1", "2", "2"], "who": ["p", "q", "p", "p"], "click": [0] * 4}
    engine, table = open_logs(columns, person_id_column="who")

    assert with_enough_people(engine, table, {"a|b": ["a", "b"], "a": ["a"]}, 2) == {"a|b": {"x|1"}, "a": {"x"}}


def test_a_value_in_two_spellings_counts_the_people_of_one_of_them(open_logs):
    columns = {"domain": ["A.com", "a.com", "a.com", "b.com"], "who": ["p", "q", "r", "s"], "click": [0] * 4}
    engine, table = open_logs(columns, person_id_column="who")

    assert with_enough_people(engine, table, {"domain": ["domain"]}, 2) == {"domain": {"a.com"}}
    assert with_enough_people(engine, table, {"domain": ["domain"]}, 3) == {"domain": set()}


def test_a_term_named_as_the_alias_of_a_person_is_no_person(open_logs):
    columns = {"person": ["x", "x"], "who": ["p", "q"], "click": [0, 0]}
    engine, table = open_logs(columns, person_id_column="who")

    assert with_enough_people(engine, table, {"person": ["person"]}, 2) == {"person": {"x"}}


def test_without_ids_of_people_nothing_is_counted(open_logs):
    engine, table = open_logs({"site": ["s"], "click": [0]})

    assert with_enough_people(engine, table, {"site": ["site"]}, 10) == {}
