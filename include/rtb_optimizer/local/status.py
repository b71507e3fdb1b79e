"""Reports which parts of the stack are running and answering."""

from dataclasses import replace
from typing import TypedDict

from rtb_optimizer.local import airflow, object_store, postgres, state
from rtb_optimizer.local.processes import is_alive
from rtb_optimizer.local.settings import LocalSettings


class ProcessStatus(TypedDict):
    """One supervised process."""

    name: str
    pid: int
    running: bool
    restarts: int


class StackStatus(TypedDict):
    """The whole stack; `ready` when every requested service is running and answers."""

    ready: bool
    phase: str
    folder: str
    error: str | None
    answers: dict[str, str]
    processes: list[ProcessStatus]


def stack_status(settings: LocalSettings) -> StackStatus:
    """Check the processes and call each service once."""
    last = state.read_state(settings.root)
    running = last if last and is_alive(last.identity) else None
    children = [
        ProcessStatus(name=each.name, pid=each.pid, running=is_alive(each.identity), restarts=each.restarts)
        for each in state.read_children(settings.root)
    ]
    answers = _answers(settings, running) if running else {}
    healthy = all(answer in {"answers", "healthy"} for answer in answers.values())
    return StackStatus(
        ready=running is not None and healthy and running.phase == state.READY,
        phase=running.phase if running else "down",
        folder=str(settings.root),
        error=last.error if last else None,
        answers=answers,
        processes=[child for child in children if running or child["running"]],
    )


def describe(status: StackStatus) -> str:
    """Format a status for people."""
    lines = [f"The local stack in {status['folder']} is {status['phase']}."]
    lines += [f"  it ended: {status['error']}"] if status["error"] else []
    lines += [f"  {name:<22}{answer}" for name, answer in status["answers"].items()]
    for each in status["processes"]:
        running = f"pid {each['pid']}" if each["running"] else "not running"
        restarts = f", restarted {each['restarts']} times in a minute" if each["restarts"] else ""
        lines.append(f"  {each['name']:<22}{running}{restarts}")
    return "\n".join(lines)


def _answers(settings: LocalSettings, running: state.StackState) -> dict[str, str]:
    live = replace(settings, pg_port=running.pg_port, s3_port=running.s3_port, airflow_port=running.airflow_port)
    answers: dict[str, str] = {}
    if "postgres" in running.services:
        answers[f"PostgreSQL :{live.pg_port}"] = _word(answers=postgres.is_ready(live))
    if "s3" in running.services:
        answers[f"S3 :{live.s3_port}"] = _word(answers=object_store.is_ready(object_store.client(live)))
    if "airflow" in running.services:
        answers |= {f"Airflow {part}": word for part, word in airflow.health(live).items()}
    return answers


def _word(*, answers: bool) -> str:
    return "answers" if answers else "does not answer"
