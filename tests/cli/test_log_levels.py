"""A command that silences the log does so for itself: what runs in its process afterwards logs as before."""

import logging

import pytest
from typer.testing import CliRunner

from rtb_optimizer.cli.app import app


@pytest.mark.usefixtures("catalog")
@pytest.mark.parametrize(
    ("arguments", "level"),
    [
        (["audit"], logging.CRITICAL),
        (["retention", "--dry-run"], logging.CRITICAL),
        (["reconcile"], logging.ERROR),
        (["rebuild", "404"], logging.ERROR),
        (["run", "nope_com"], logging.WARNING),
        (["what-if", "nope_com"], logging.WARNING),
    ],
)
def test_a_command_leaves_the_log_as_it_was_whether_it_succeeds_or_fails(monkeypatch, arguments, level):
    log, levels = logging.getLogger("rtb_optimizer"), []
    was = log.setLevel
    before = log.level
    monkeypatch.setattr(log, "setLevel", lambda to: levels.append(to) or was(to))
    CliRunner().invoke(app, arguments)

    assert levels == [level, before]
    assert log.level == before
