"""Declarations hold: whatever the three levels set, a snapshot has only declared keys with allowed values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtb_optimizer.core.config.key import ConfigKey, DataType, read_value
from rtb_optimizer.core.config.resolve import Origin, resolve
from rtb_optimizer.errors import ConfigInvalid

CHOICES = ("low", "high")


@pytest.mark.parametrize(
    ("data_type", "raw", "value"),
    [
        ("string", "adx", "adx"),
        ("string", "", ""),
        ("string", " kept as it is ", " kept as it is "),
        ("integer", "5", 5),
        ("integer", " -5 ", -5),
        ("integer", 5, 5),
        ("integer", "", None),
        ("float", "0.5", 0.5),
        ("float", "1e-3", 0.001),
        ("float", 2, 2.0),
        ("float", "  ", None),
        ("boolean", "true", True),
        ("boolean", " FALSE ", False),
        ("boolean", True, True),
        ("enum", "low", "low"),
        ("list", "a, b", ["a", "b"]),
        ("list", "a, b,", ["a", "b"]),
        ("list", '["a, b", ""]', ["a, b", ""]),
        ("list", ["a"], ["a"]),
        ("list", "[]", []),
        ("list", "", None),
        ("json", '{"site": ["1"]}', {"site": ["1"]}),
        ("json", {"site": 1}, {"site": 1}),
        ("json", "", None),
    ],
)
def test_a_value_is_read_as_its_declared_type(data_type, raw, value):
    read = read_value(ConfigKey("k", DataType(data_type), choices=CHOICES), raw)

    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("data_type", "raw", "complaint"),
    [
        ("string", 5, "5 is not a string"),
        ("integer", "5.0", "'5.0' is not an integer"),
        ("integer", 5.5, "5.5 is not an integer"),
        ("integer", True, "True is not an integer"),
        ("integer", "five", "'five' is not an integer"),
        ("float", "nan", "'nan' is not a finite number"),
        ("float", "-inf", "'-inf' is not a finite number"),
        ("float", True, "True is not a finite number"),
        ("float", [1], "[1] is not a finite number"),
        ("boolean", "yes", "'yes' is not true or false"),
        ("boolean", 1, "1 is not true or false"),
        ("enum", "middle", "'middle' is not one of low, high"),
        ("enum", "LOW", "'LOW' is not one of low, high"),
        ("list", "a, b, a", "a is listed more than once"),
        ("list", [1, 2], "[1, 2] is not a list of strings"),
        ("list", "[a", "'[a' is not JSON"),
        ("list", '["a", 1]', "['a', 1] is not a list of strings"),
        ("json", "{", "'{' is not JSON"),
        ("json", "[1]", "[1] is not a JSON object"),
        ("json", 5, "5 is not a JSON object"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(data_type, raw, complaint):
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the message is compared next
        read_value(ConfigKey("k", DataType(data_type), choices=CHOICES), raw)

    assert str(refused.value).startswith(complaint)


@pytest.mark.parametrize(
    ("data_type", "inside", "below", "above", "unit"),
    [
        ("integer", ["2", "4"], "1", "5", ""),
        ("float", ["2.0", "4.0"], "1.999", "4.001", ""),
        ("string", ["ab", "abcd"], "a", "abcde", " characters"),
        ("list", ["a,b", "a,b,c,d"], "a", "a,b,c,d,e", " items"),
    ],
)
def test_both_ends_of_a_range_are_allowed_and_what_lies_beyond_is_not(data_type, inside, below, above, unit):
    key = ConfigKey("k", DataType(data_type), minimum=2, maximum=4)

    assert all(read_value(key, raw) is not None for raw in inside)
    with pytest.raises(ValueError, match=f"is below the minimum of 2{unit}$"):
        read_value(key, below)
    with pytest.raises(ValueError, match=f"is above the maximum of 4{unit}$"):
        read_value(key, above)


@pytest.mark.parametrize("data_type", list(DataType))
@pytest.mark.parametrize("raw", [None, "", "  "])
def test_a_required_value_may_not_be_blank_whatever_its_type(data_type, raw):
    with pytest.raises(ValueError, match="a value is required and none is set"):
        read_value(ConfigKey("k", data_type, required=True, choices=CHOICES), raw)


KEYS = (
    ConfigKey("depth", DataType.INTEGER, default="3", minimum=1, maximum=9),
    ConfigKey("name", DataType.STRING, required=True),
    ConfigKey("share", DataType.FLOAT, default="0.5", minimum=0, maximum=1),
)


def test_the_later_level_wins_and_its_origin_is_recorded():
    snapshot = resolve(KEYS, {"name": "x", "share": "0.1"}, {"share": 0.9})

    assert snapshot.values == {"depth": 3, "name": "x", "share": 0.9}
    assert snapshot.origins == {"depth": Origin.DEFAULT, "name": Origin.ENTITY, "share": Origin.TRIGGER}


def test_none_from_a_trigger_inherits_what_the_entity_says():
    snapshot = resolve(KEYS, {"name": "x", "depth": "7"}, {"depth": None, "share": None})

    assert (snapshot.values["depth"], snapshot.origins["depth"]) == (7, Origin.ENTITY)
    assert (snapshot.values["share"], snapshot.origins["share"]) == (0.5, Origin.DEFAULT)


def test_none_from_a_trigger_is_ignored_even_for_a_key_that_is_not_declared():
    assert set(resolve(KEYS, {"name": "x"}, {"gone": None}).values) == {"depth", "name", "share"}


def test_every_violation_is_reported_at_once_with_key_level_value_and_limit():
    with pytest.raises(ConfigInvalid) as refused:
        resolve(KEYS, {"depth": "10", "colour": "red"}, {"share": -1, "speed": 2})

    assert set(refused.value.violations) == {
        "colour (entity): unknown config key",
        "speed (trigger): unknown config key",
        "depth (entity): 10 is above the maximum of 9",
        "name (default): a value is required and none is set",
        "share (trigger): -1.0 is below the minimum of 0",
    }
    assert all(violation in str(refused.value) for violation in refused.value.violations)


def test_a_default_outside_its_own_declaration_is_refused_too():
    with pytest.raises(ConfigInvalid, match=r"depth \(default\): 12 is above the maximum of 9"):
        resolve([ConfigKey("depth", DataType.INTEGER, default="12", maximum=9)])


limits = st.one_of(st.none(), st.integers(-3, 6))
raws = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["true", "low", "a,b", "a,,b", '["a"]', "[1]", "{}", "nan", "3", "0.5", " "]),
    st.lists(st.one_of(st.text(max_size=2), st.integers()), max_size=4),
)
keys = st.builds(
    ConfigKey,
    key=st.just("k"),
    data_type=st.sampled_from(list(DataType)),
    default=st.one_of(st.none(), st.text(max_size=4), st.sampled_from(["2", "true", "low", "{}"])),
    minimum=limits,
    maximum=limits,
    required=st.booleans(),
    choices=st.just(CHOICES),
)
PYTHON_TYPES = {"string": str, "integer": int, "float": float, "boolean": bool, "enum": str, "list": list, "json": dict}


@given(key=keys, entity=st.one_of(st.none(), st.text(max_size=6)), trigger=raws)
def test_resolution_never_returns_a_value_outside_its_declaration(key, entity, trigger):
    try:
        value = resolve([key], {} if entity is None else {"k": entity}, {"k": trigger}).values["k"]
    except ConfigInvalid:
        return
    if value is None:
        assert not key.required
        return
    assert type(value) is PYTHON_TYPES[key.data_type]
    assert key.data_type is not DataType.ENUM or value in CHOICES
    if key.data_type not in {DataType.BOOLEAN, DataType.JSON}:
        measure = len(value) if isinstance(value, str | list) else value
        assert key.minimum is None or measure >= key.minimum
        assert key.maximum is None or measure <= key.maximum


def test_a_key_that_earlier_releases_had_is_refused_with_what_holds_now():
    with pytest.raises(ConfigInvalid) as refused:
        resolve([ConfigKey("limit", DataType.INTEGER, "5")], {"max_spike": "4"}, {"max_spike": 4, "limt": 4})

    why = "no config key any more: rate_spike warns from ten times the earlier rate on; leave it out, and `rtb seed` "
    assert list(refused.value.violations) == [
        f"max_spike (entity): {why}deletes what is stored of it",
        "limt (trigger): unknown config key; the nearest is limit",
        f"max_spike (trigger): {why}deletes what is stored of it",
    ]
