"""One whole stack for the files that may share it: each adds an entity of its own and leaves all processes alone.

No more than two whole stacks run at once: more would wait for each other's processor time, up to their time-outs.
"""

import json
from contextlib import ExitStack, contextmanager
from pathlib import PurePath
from types import SimpleNamespace

from xdist.scheduler import LoadFileScheduling

from listening import mail_server, statsd_server, webhook_server
from rtb_optimizer.local.settings import settings_on_free_ports
from rtb_optimizer.local.stack import running_stack

FILES = ("test_a_person_at_work.py", "test_end_to_end.py")
# Of about the same length.
AFTER_IT = ("test_demo.py", "test_celery.py")
BESIDE_IT = ("test_commands.py", "test_kills.py", "test_celery_kills.py")


def shares(path):
    """Whether a test file, or the file of a test's id, is one of them."""
    return _name(path) in FILES


def lane(path):
    """Return which of the two rows of whole stacks a test file has its place in, None for one without a stack."""
    if _name(path) in BESIDE_IT:
        return "stacks beside the shared one"
    return "the shared stack" if _name(path) in FILES + AFTER_IT else None


def _name(path):
    return PurePath(str(path).split("::")[0]).name


class TwoStacksAtOnce(LoadFileScheduling):
    """Hand tests out by file, and those of a row of whole stacks to one worker, one after the other."""

    def _split_scope(self, nodeid):
        return lane(nodeid) or super()._split_scope(nodeid)


class SharedStack:
    """Starts with its first file and ends with its last. Its mail, metrics and lineage are received."""

    def __init__(self, root, files):
        self.root, self.left, self.live, self.listeners, self._open = root, set(files), None, None, ExitStack()

    @contextmanager
    def used_by(self, file):
        """Yield the settings of the stack and the receivers of its mail, metrics and lineage."""
        if self.live is None:
            self._start()
        yield self.live, self.listeners
        self.left.discard(file)
        if not self.left:
            self.close()

    def close(self):
        """End the stack."""
        self._open.close()

    def _start(self):
        mailbox, connection = self._open.enter_context(mail_server())
        statsd, port = self._open.enter_context(statsd_server())
        lineage, collector = self._open.enter_context(webhook_server())
        metrics = f"statsd_on = True\nstatsd_influxdb_enabled = True\nstatsd_port = {port}\n"
        transport = json.dumps({"type": "http", "url": collector["host"].removesuffix("/services")})
        settings = f"[metrics]\n{metrics}\n[openlineage]\ntransport = {transport}\n"
        (self.root / "airflow" / "airflow.cfg").write_text(settings)
        self.live = self._open.enter_context(running_stack(settings_on_free_ports(self.root)))
        self.listeners = SimpleNamespace(
            mailbox=mailbox, connection=connection, statsd=statsd, statsd_port=port, lineage=lineage
        )
