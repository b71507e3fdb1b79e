"""For any three levels: the later wins, every violation is reported, and a resolved snapshot resolves to itself."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtb_optimizer.core.config.key import ConfigKey, DataType, read_value
from rtb_optimizer.core.config.resolve import Origin, resolve
from rtb_optimizer.errors import ConfigInvalid

pytestmark = pytest.mark.timeout(3_600)  # nightly, each takes minutes
CHOICES = ("low", "high", "a,b")
NAMES = ("depth", "name", "share", "flag", "formats", "filter", "kind")

limits = st.one_of(st.none(), st.integers(-3, 6), st.floats(-3, 6))
texts = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        ["true", " FALSE", "low", "a,b", '["a"]', '["a", "a"]', "[1]", "{}", '{"a": NaN}', "nan", "3", " "]
    ),
    st.sampled_from(["1" + "0" * 400, "9" * 4_400, "-1e999", "1_0", "\u0663", "[" * 3_000, '{"a":' * 3_000]),
)
typed = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.sampled_from([10**400, -(10**400)]),
    st.floats(),
    st.lists(st.one_of(st.text(max_size=2), st.integers()), max_size=4),
    st.dictionaries(st.text(max_size=2), st.floats(), max_size=2),
    texts,
)


def declared(name):
    return st.builds(
        ConfigKey,
        key=st.just(name),
        data_type=st.sampled_from(list(DataType)),
        default=st.one_of(st.none(), texts),
        minimum=limits,
        maximum=limits,
        required=st.booleans(),
        choices=st.just(CHOICES),
    )


keys = st.lists(st.sampled_from(NAMES), unique=True, max_size=5).flatmap(lambda names: st.tuples(*map(declared, names)))
names = st.one_of(st.sampled_from(NAMES), st.text(max_size=3))


def refusal(key, raw):
    """Return what is wrong with one value by itself, or None."""
    try:
        read_value(key, raw)
    except ValueError as problem:
        return str(problem)
    return None


def latest(key, entity, trigger):
    if trigger.get(key.key) is not None:
        return trigger[key.key], Origin.TRIGGER
    return (entity[key.key], Origin.ENTITY) if key.key in entity else (key.default, Origin.DEFAULT)


@given(keys=keys, entity=st.dictionaries(names, texts, max_size=4), trigger=st.dictionaries(names, typed, max_size=4))
def test_the_later_level_wins_and_every_violation_is_reported(keys, entity, trigger):
    pairs = {(name, Origin.ENTITY) for name in entity} | {
        (name, Origin.TRIGGER) for name, raw in trigger.items() if raw is not None
    }
    violations = {
        f"{name} ({level}): unknown config key" for name, level in pairs if name not in {key.key for key in keys}
    }
    decided = {key.key: (key, *latest(key, entity, trigger)) for key in keys}
    for name, (key, raw, level) in decided.items():
        if problem := refusal(key, raw):
            violations.add(f"{name} ({level}): {problem}")
    if violations:
        with pytest.raises(ConfigInvalid) as refused:
            resolve(keys, entity, trigger)
        assert set(refused.value.violations) == violations
        return

    snapshot = resolve(keys, entity, trigger)
    assert snapshot.origins == {name: level for name, (_, _, level) in decided.items()}
    assert snapshot.values == {name: read_value(key, raw) for name, (key, raw, _) in decided.items()}


@given(keys=keys, entity=st.dictionaries(names, texts, max_size=4), trigger=st.dictionaries(names, typed, max_size=4))
def test_what_was_resolved_resolves_to_itself_even_after_it_was_stored(keys, entity, trigger):
    known = {key.key for key in keys}
    try:
        values = resolve(keys, {k: v for k, v in entity.items() if k in known}, trigger).values
    except ConfigInvalid:
        return
    present = {name: value for name, value in values.items() if value is not None}
    again = [key for key in keys if key.key in present]

    assert resolve(again, {}, present).values == present
    assert json.loads(json.dumps(present, allow_nan=False)) == present
