"""A store that does not answer, and what waits for it in a thread of its own."""

import threading

from rtb_optimizer.store import connections

WAIT_S = 30


class Hanging:
    """A store that does not answer: `asked` is set when it is asked, and it answers when `answers` is."""

    def __init__(self):
        self.asked, self.answers = threading.Event(), threading.Event()

    def __call__(self, answer):
        self.asked.set()
        assert self.answers.wait(WAIT_S)
        return answer()


def in_a_thread(act):
    """Do something in a session of its own; returns the thread and its result."""
    came = []

    def run():
        with connections.session() as own:
            try:
                came.append(act(own))
            except Exception as problem:  # noqa: BLE001 - the test looks at it
                came.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, came
