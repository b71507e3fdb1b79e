"""The DAG list can be read at any time, also when it is damaged or being replaced."""

import json
import os
import threading

import pytest

from rtb_optimizer.errors import DagListInvalid
from rtb_optimizer.store import dag_list

DOCUMENT = {"format": dag_list.FORMAT, "forms": {}, "entities": [{"entity_code": "drugs_com"}]}
BROKEN = [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe\x00", b'{"format": 0}', b'{"entities": []}']


@pytest.fixture
def target(tmp_path):
    return tmp_path / "dags" / "entities.json"


def test_what_was_written_is_read(target):
    assert dag_list.replace(target, DOCUMENT)
    assert dag_list.load(target) == DOCUMENT
    assert oct(target.stat().st_mode & 0o777) == "0o644"
    assert sorted(path.name for path in target.parent.iterdir()) == ["entities.json", "entities.json.last_good"]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_dag_list_is_read_from_its_copy_and_repaired_by_the_next_export(target, broken):
    dag_list.replace(target, DOCUMENT)
    target.write_bytes(broken)
    assert dag_list.load(target) == DOCUMENT
    assert dag_list.replace(target, DOCUMENT)
    assert json.loads(target.read_bytes()) == DOCUMENT


def test_a_dag_list_that_is_gone_is_read_from_its_copy(target):
    dag_list.replace(target, DOCUMENT)
    target.unlink()
    assert dag_list.load(target) == DOCUMENT


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_copy_is_not_looked_at_while_the_dag_list_is_whole_and_is_repaired(target, broken):
    dag_list.replace(target, DOCUMENT)
    dag_list.last_good(target).write_bytes(broken)
    assert dag_list.load(target) == DOCUMENT
    dag_list.replace(target, DOCUMENT)
    assert json.loads(dag_list.last_good(target).read_bytes()) == DOCUMENT


def test_with_both_broken_or_gone_the_command_that_fixes_it_is_named(target):
    with pytest.raises(DagListInvalid, match=r"no readable DAG list at .*entities.json: write it with `python -m rtb"):
        dag_list.load(target)
    dag_list.replace(target, DOCUMENT)
    for path in (target, dag_list.last_good(target)):
        path.write_text("{")
    with pytest.raises(DagListInvalid):
        dag_list.load(target)


def test_unchanged_content_leaves_the_file_alone(target):
    """Its time of change is what Airflow parses by."""
    dag_list.replace(target, DOCUMENT)
    for path in (target, dag_list.last_good(target)):
        os.utime(path, ns=(10**18, 10**18))
    assert not dag_list.replace(target, dict(reversed(DOCUMENT.items())))
    assert [p.stat().st_mtime_ns for p in (target, dag_list.last_good(target))] == [10**18] * 2
    assert dag_list.replace(target, DOCUMENT | {"entities": []})
    assert target.stat().st_mtime_ns != 10**18


def test_a_reader_sees_the_old_or_the_new_one_never_half_of_one(target):
    many = [{"entity_code": f"entity_{n:05}", "name": "x" * 200} for n in range(3000)]
    versions = [DOCUMENT | {"entities": many[:size]} for size in (3000, 10, 2000)]
    dag_list.replace(target, versions[0])
    done, seen, problems = threading.Event(), set(), []

    def read():
        while not done.is_set():
            try:
                seen.add(len(json.loads(target.read_bytes())["entities"]))
            except ValueError as problem:
                problems.append(problem)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(30):
        dag_list.replace(target, versions[turn % 3])
    done.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert seen <= {3000, 10, 2000}
    assert len(seen) > 1


def test_the_dag_list_is_where_the_environment_says_else_beside_the_dags(monkeypatch, tmp_path):
    monkeypatch.setenv("RTB_MANIFEST", str(tmp_path / "here.json"))
    assert dag_list.path() == tmp_path / "here.json"
    for unset in ("", None):
        monkeypatch.delenv("RTB_MANIFEST", raising=False) if unset is None else monkeypatch.setenv("RTB_MANIFEST", "")
        assert dag_list.path().parts[-2:] == ("dags", "entities.json")
