"""The files that share a whole stack are found and stay on one worker, and the stack ends with the last of them."""

from contextlib import contextmanager

from checkout import CHECKOUT
from shared_stack import FILES, FilesThatShareStayTogether, SharedStack, shares


def test_each_file_that_shares_is_there_once():
    names = [path.name for path in (CHECKOUT / "tests").rglob("test_*.py") if shares(path)]
    assert sorted(names) == sorted(FILES)


def test_the_tests_of_the_shared_stack_are_one_piece_of_work_and_all_others_go_by_file():
    scope = object.__new__(FilesThatShareStayTogether)._split_scope
    assert {scope(f"tests/any/{name}::test_it[1::2]") for name in FILES} == {"the shared stack"}
    assert scope("tests/store/test_runs.py::test_it[a::b]") == "tests/store/test_runs.py"


def test_the_stack_starts_with_its_first_file_and_ends_with_its_last(tmp_path, monkeypatch):
    events = []

    @contextmanager
    def stack(_settings):
        events.append("up")
        yield "settings"
        events.append("down")

    monkeypatch.setattr("shared_stack.running_stack", stack)
    (tmp_path / "airflow").mkdir()
    shared = SharedStack(tmp_path, FILES)
    for name in FILES:
        with shared.used_by(name) as (live, listeners):
            events.append(name)
            assert live == "settings"
            assert listeners.mailbox.mails == []
    assert events == ["up", *FILES, "down"]
    assert f"statsd_port = {listeners.statsd_port}" in (tmp_path / "airflow" / "airflow.cfg").read_text()
