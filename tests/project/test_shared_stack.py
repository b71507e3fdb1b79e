"""The files that share a whole stack are found and stay on one worker, and the stack ends with the last of them."""

from contextlib import contextmanager

from checkout import CHECKOUT
from shared_stack import FILES, FilesThatShareStayTogether, SharedStack, shares


def test_each_file_that_shares_is_there_once():
    found = [path.name for path in (CHECKOUT / "tests").rglob("test_*.py") if shares(path)]
    assert sorted(found) == sorted(FILES)


def test_the_tests_of_the_shared_stack_are_one_piece_of_work_and_all_others_go_by_file():
    scope = object.__new__(FilesThatShareStayTogether)._split_scope
    assert {scope(f"tests/any/{name}::test_it[1::2]") for name in FILES} == {"the shared stack"}
    assert scope("tests/store/test_runs.py::test_it[a::b]") == "tests/store/test_runs.py"


def test_the_stack_starts_with_its_first_file_and_ends_with_its_last(tmp_path, monkeypatch):
    told = []

    @contextmanager
    def stack(_settings):
        told.append("up")
        yield "settings"
        told.append("down")

    monkeypatch.setattr("shared_stack.running_stack", stack)
    (tmp_path / "airflow").mkdir()
    shared = SharedStack(tmp_path, FILES)
    for name in FILES:
        with shared.used_by(name) as (live, heard):
            told.append(name)
            assert live == "settings"
            assert heard.mailbox.mails == []
    assert told == ["up", *FILES, "down"]
    assert f"statsd_port = {heard.statsd_port}" in (tmp_path / "airflow" / "airflow.cfg").read_text()
