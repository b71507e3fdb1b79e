"""Long work reports its progress and rate; work that fails does not report completion."""

import logging
import threading

import pytest

from rtb_optimizer.engines.progress import Progress


@pytest.fixture(autouse=True)
def _logged(caplog, monkeypatch):
    """Airflow's configuration switches off the loggers that were there before it, as in a run of all tests."""
    logger = logging.getLogger("rtb_optimizer.engines.progress")
    monkeypatch.setattr(logger, "disabled", False)
    monkeypatch.setattr(logger, "propagate", False)
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO, logger.name)
    yield
    logger.removeHandler(caplog.handler)


def test_while_it_runs_and_when_it_is_done_rows_and_rate_are_logged(caplog):
    logged = threading.Event()
    shares = iter([-1.0, 0.0, 0.25])

    def done():
        share = next(shares, None)
        if share is None:
            logged.set()
        return 0.5 if share is None else share

    with Progress("sample", 8_000_000, done, every=0.01):
        assert logged.wait(10)

    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("sample: 25 % of 8,000,000 rows, ")
    assert lines[-1].startswith("sample: 100 % of 8,000,000 rows, ")
    assert all(line.endswith(" rows/s") for line in lines)


def test_work_that_fails_is_not_logged_as_done(caplog):
    with pytest.raises(ZeroDivisionError), Progress("sample", 10, lambda: 0.0):
        raise ZeroDivisionError

    assert caplog.records == []


def test_a_statement_over_logs_is_logged_with_the_rows_of_its_files(open_logs, caplog):
    engine, table = open_logs({"click": [1, 0, 1]})
    engine.query(table.profile(), "profile")

    assert "profile: 100 % of 3 rows" in caplog.text
