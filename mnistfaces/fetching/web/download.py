"""Many URLs at once, one request at a time to a host: a generator of how each download ended.

The generator's own thread decides; a few others wait for the network. They verify what came and put it into the
tree themselves, so a body never outlives its request.
"""

import heapq
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from mnistfaces.fetching.web.client import Client
from mnistfaces.fetching.web.failures import RequestFailed
from mnistfaces.fetching.web.hosts import Line, Settled, Task, Wanted
from mnistfaces.fetching.web.policy import (
    Host,
    Outcome,
    Rules,
    host_after,
    judge,
    read_seconds,
    retry_after,
    wait_before_retry,
)
from mnistfaces.fetching.web.urls import host_of

LONGEST_SLEEP_S = 0.5


Keep = Callable[[str, bytes], None]
"""Puts verified bytes away under their SHA-256."""


@dataclass
class _Reply:
    """What a worker brings back: an outcome, or where a redirect leads, or an error of ours."""

    task: Task
    host: str
    outcome: Outcome | None = None
    location: str | None = None
    size: int = 0
    seconds: float = 0.0
    error: BaseException | None = None


class Download:
    """Gets many units.

    Attributes:
        client: asks for one URL.
        keep: puts verified bytes away; called from several threads.
        rules: of patience and politeness.
        answered: hosts known from an earlier pass to answer.
    """

    def __init__(self, client: Client, keep: Keep, rules: Rules, answered: Iterable[str] = ()) -> None:
        self.client, self.keep, self.rules, self.answered = client, keep, rules, set(answered)
        self.lines: dict[str, Line] = {}
        self.heap: list[tuple[float, int, str]] = []
        self.order = itertools.count()
        self.tasks: queue.SimpleQueue[tuple[Task, str, float] | None] = queue.SimpleQueue()
        self.replies: queue.SimpleQueue[_Reply] = queue.SimpleQueue()

    def run(self, downloads: Iterable[Wanted], jobs: int) -> Iterator[Settled]:
        """Yields how each download ended, as soon as it is known.

        Args:
            downloads: what to get.
            jobs: requests under way at once.

        Raises:
            FileError: what came cannot be put away.
        """
        waiting = 0
        for wanted in downloads:
            task = Task(wanted, wanted.url)
            settled = self._admit(task)
            if settled is None:
                waiting += 1
            else:
                yield settled
        workers = [threading.Thread(target=self._work, daemon=True) for _ in range(min(jobs, len(self.lines)))]
        for worker in workers:
            worker.start()
        try:
            under_way = 0
            while waiting:
                under_way += self._dispatch(len(workers) - under_way)
                reply = self._next_reply()
                if reply is None:
                    continue
                under_way -= 1
                for settled in self._digest(reply):
                    waiting -= 1
                    yield settled
        finally:
            for _ in workers:
                self.tasks.put(None)

    def _admit(self, task: Task) -> Settled | None:
        """Puts a task in the line of its host; returns its end if it can have none."""
        try:
            name = host_of(task.url)
        except RequestFailed as failure:
            return Settled(wanted=task.wanted, outcome=_outcome(failure), tries=task.tries)
        line = self.lines.setdefault(name, Line(Host(answered=name in self.answered)))
        if line.host.given_up:
            return self._abandon(task, name)
        (line.again if task.tries else line.fresh).append(task)
        self._schedule(name)
        return None

    def _schedule(self, name: str) -> None:
        ready = self.lines[name].ready_at()
        if ready is not None:
            heapq.heappush(self.heap, (ready, next(self.order), name))

    def _dispatch(self, free: int) -> int:
        """Hands tasks whose time has come to free workers; returns how many."""
        sent = 0
        now = time.monotonic()
        while self.heap and sent < free and self.heap[0][0] <= now:
            name = heapq.heappop(self.heap)[2]
            line = self.lines[name]
            ready = line.ready_at()  # an entry may be out of date: there is one for every change of the line
            if ready is None:
                continue
            if ready > now:
                self._schedule(name)
                continue
            line.busy = True
            self.tasks.put((line.take(), name, read_seconds(line.host, self.rules)))
            sent += 1
        return sent

    def _next_reply(self) -> _Reply | None:
        due = self.heap[0][0] - time.monotonic() if self.heap else LONGEST_SLEEP_S
        try:
            return self.replies.get(timeout=min(max(due, 0.001), LONGEST_SLEEP_S))
        except queue.Empty:
            return None

    def _digest(self, reply: _Reply) -> Iterator[Settled]:
        """Yields the units that one reply settles: its own, or all that waited for a host that is given up."""
        if reply.error is not None:
            raise reply.error
        task, line = reply.task, self.lines[reply.host]
        line.busy = False
        task.spent_s += reply.seconds
        outcome = reply.outcome or Outcome(state="redirects", detail=f"redirects to {reply.location}")
        line.host = host_after(line.host, outcome, time.monotonic(), self.rules, untried=bool(line.fresh))
        if reply.location is not None and task.hops < self.rules.max_redirects:
            task.url, task.hops = reply.location, task.hops + 1
            settled = self._admit(task)
        else:
            settled = self._settle_or_retry(task, outcome, reply.size)
        if settled is not None:
            yield settled
        if line.host.given_up:
            for left in line.take_all():
                yield self._abandon(left, reply.host)
        self._schedule(reply.host)

    def _settle_or_retry(self, task: Task, outcome: Outcome, size: int) -> Settled | None:
        task.tries += 1
        task.last = outcome
        wait = wait_before_retry(outcome, task.tries, self.rules)
        if wait is None:
            return Settled(wanted=task.wanted, outcome=outcome, tries=task.tries, size=size)
        task.url, task.hops, task.spent_s = task.wanted.url, 0, 0.0
        task.not_before = time.monotonic() + wait
        return self._admit(task)

    def _abandon(self, task: Task, name: str) -> Settled:
        """Returns the end of a task whose host is given up: its last outcome if it ever had one."""
        left = Outcome(state=self.rules.abandoned, detail=f"{name} had failed {self.rules.failures} times running")
        return Settled(wanted=task.wanted, outcome=task.last or left, tries=task.tries)

    def _work(self) -> None:
        while (item := self.tasks.get()) is not None:
            task, host, read_s = item
            reply = _Reply(task, host)
            try:
                self._ask(task, read_s, reply)
            except BaseException as error:  # noqa: BLE001  the generator's thread raises it
                reply.error = error
            self.replies.put(reply)

    def _ask(self, task: Task, read_s: float, reply: _Reply) -> None:
        """Makes one request, and puts away what it gave if that is the listed image."""
        began = time.monotonic()
        try:
            got = self.client.get_once(
                task.url,
                limit_bytes=self.rules.limit_bytes,
                deadline_s=self.rules.deadline_s - task.spent_s,
                read_s=read_s,
            )
        except RequestFailed as failure:
            reply.outcome = _outcome(failure)
        else:
            reply.location = got.location
            if reply.location is None:
                judged = judge(got.status, got.headers, got.body, task.wanted.sha256)
                asked = retry_after(got.headers.get("retry-after", ""), time.time())
                reply.outcome = replace(judged, retry_after_s=asked)
                if judged.state == "ok":
                    self.keep(task.wanted.sha256, got.body)
                    reply.size = len(got.body)
        reply.seconds = time.monotonic() - began


def _outcome(failure: RequestFailed) -> Outcome:
    return Outcome(state=failure.state, status=failure.status, detail=str(failure))
