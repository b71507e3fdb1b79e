"""What is run once for many tests leaves each of them the catalog and the objects that it left the first."""

import pytest

from rtb_optimizer.store import connections, entities
from rtb_optimizer.store.objects import split_url


@pytest.fixture
def night(recordings, catalog, base_path, store, add_entity, request):
    """Add an entity with an object beside it, or return to where that led; returns what the first call returned."""
    database, folder = catalog.rsplit("/", 1)[1], split_url(base_path)[1]

    def result(entity_code):
        def run():
            calls.append(entity_code)
            store.put_once(f"{folder}/{entity_code}/object", entity_code.encode())
            return add_entity(entity_code).entity_id

        return recordings.result(f"{request.node.name} {entity_code}", database, base_path, run)

    calls = result.calls = []
    return result


@pytest.fixture
def state(store, base_path):
    """The entities of the catalog, and the bodies of all objects by key."""

    def read():
        with connections.session() as session:
            codes = [entity.entity_code for entity in entities.all_entities(session)]
        return codes, {each.key: store.read(each.key) for each in store.list(f"{split_url(base_path)[1]}/")}

    return read


def test_what_a_test_has_changed_is_as_it_was_for_the_next_one(night, state, store, add_entity, base_path):
    first = night("a_com")
    before = state()
    (key,) = before[1]
    add_entity("of_this_test")
    store.replace(key, b"other")
    store.replace(f"{key}_of_this_test", b"more")

    assert night("a_com") == first
    assert state() == before
    assert night.calls == ["a_com"]
    assert before == (["a_com"], {f"{split_url(base_path)[1]}/a_com/object": b"a_com"})


def test_an_object_that_a_test_has_deleted_is_there_for_the_next_one(night, state, store):
    night("a_com")
    before = state()
    store.delete(list(before[1]))
    assert state() != before

    night("a_com")
    assert state() == before


def test_another_run_is_not_taken_from_the_record(night, state):
    night("a_com")
    night("b_com")
    assert night.calls == ["a_com", "b_com"]
    assert state()[0] == ["a_com", "b_com"]

    night("a_com")
    assert state()[0] == ["a_com"]
