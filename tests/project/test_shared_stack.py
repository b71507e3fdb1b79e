"""The files of whole stacks run in two rows, and those that share one stack until the last of them has ended."""

from contextlib import contextmanager

from checkout import CHECKOUT
from shared_stack import AFTER_IT, BESIDE_IT, FILES, SharedStack, TwoStacksAtOnce, shares

MARK = "\npytestmark = [pytest.mark.airflow"


def test_each_file_that_shares_is_there_once():
    names = [path.name for path in (CHECKOUT / "tests").rglob("test_*.py") if shares(path)]
    assert sorted(names) == sorted(FILES)


def test_each_file_with_a_whole_stack_is_in_one_of_two_rows_that_each_are_one_piece_of_work():
    scope = object.__new__(TwoStacksAtOnce)._split_scope
    with_a_stack = [path.name for path in (CHECKOUT / "tests").rglob("test_*.py") if MARK in path.read_text()]
    assert sorted(with_a_stack) == sorted(FILES + AFTER_IT + BESIDE_IT)
    assert len({scope(f"tests/any/{name}::test_it[1::2]") for name in FILES + AFTER_IT}) == 1
    assert len({scope(f"tests/any/{name}::test_it[1::2]") for name in with_a_stack}) == 2
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
