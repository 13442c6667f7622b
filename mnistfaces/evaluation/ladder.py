"""The ladder: a board on which a class can submit all term, and nobody climbs by guessing at the test images.

An accuracy that answers every submission tells something of the test labels each time, and a submitter who keeps what
happened to rise comes out ahead of the truth. So a submission is revealed only where it is significantly better than
the one that stands (Blum and Hardt, "The Ladder: a reliable leaderboard for machine learning competitions", 2015,
section 3.1: improvements within the paired standard error are not told; here a one-sided test at 5 %). Whoever
submits noise learns nothing: of twenty submissions that are no better, one climbs.

The state holds the answers that stand, by the name of the file that brought them. It is written whole or not at all,
carries a checksum, and has one writer at a time.
"""

import base64
import binascii
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistfaces.errors import FileError, RunError, UsageError
from mnistfaces.evaluation.contenders import Contender, Entry, Reference
from mnistfaces.files import hash_of, read_if_there, write_json
from mnistfaces.files.locks import Lease
from mnistfaces.files.schema import parse_json, problem_of
from mnistfaces.files.seals import CHECK, is_whole, seal
from mnistfaces.statistics.differences import p_worse
from mnistfaces.statistics.proportions import LEVEL
from mnistfaces.statistics.scores import Board

Answers = NDArray[np.int16]


@dataclass(frozen=True, kw_only=True)
class Rung:
    """Where one submitter stands.

    Attributes:
        submissions: how many there were; the same answers again are none.
        stands: which of them was revealed last, from 1.
        answers: of that one: the class numbers of all test images as little-endian int16, by zlib, in base64.
        last: hash of the answers of the last one.
    """

    submissions: int
    stands: int
    answers: str
    last: str


@dataclass(frozen=True, kw_only=True)
class LadderRecord:
    """What the state's file says.

    Attributes:
        images: hash of the test images and their labels.
        rungs: by the name of the file that brings a submitter's answers.
    """

    images: str
    rungs: dict[str, Rung]


class Ladder:
    """The state of a ladder, open for writing.

    Attributes:
        rungs: by the name of the file that brings a submitter's answers.
    """

    def __init__(self, path: Path, reference: Reference) -> None:
        self.path, self.reference = path, reference
        self.rungs = _read(path, reference.fingerprint)

    def climb(self, entry: Entry) -> Contender:
        """Returns the contender of whom a table is the new submission, as far as it may be revealed."""
        name, stands = entry.path.name, self.rungs.get(entry.path.name)
        if entry.table is None:
            return self._contender(entry, stands, entry.problem)
        packed = _packed(entry.table.predicted)
        if stands is None:
            stands = Rung(submissions=1, stands=1, answers=packed, last=hash_of(packed))
        elif stands.last != hash_of(packed):
            stands = replace(stands, submissions=stands.submissions + 1, last=hash_of(packed))
            if self._is_better(entry.table.predicted, self._answers(stands)):
                stands = replace(stands, answers=packed, stands=stands.submissions)
        self.rungs[name] = stands
        return self._contender(entry, stands)

    def save(self) -> None:
        """Writes the state.

        Raises:
            FileError: the disk refuses.
        """
        record = LadderRecord(images=self.reference.fingerprint, rungs=self.rungs)
        write_json(self.path, seal(asdict(record)))

    def _contender(self, entry: Entry, stands: Rung | None, problem: str = "") -> Contender:
        if stands is None:
            return Contender(name=str(entry.path), trials={}, problem=problem)
        same = stands.stands == stands.submissions
        if problem:
            note = f"submission {stands.stands} stands"
        elif same:
            note = f"submission {stands.stands}"
        else:
            note = f"submission {stands.submissions} is not significantly better: {stands.stands} stands"
        fits = entry.table.note() if entry.table else ""
        trials = self.reference.scores(self._answers(stands))
        return Contender(
            name=str(entry.path), trials=trials, note="; ".join(filter(None, (note, fits))), problem=problem
        )

    def _answers(self, rung: Rung) -> Answers:
        """Returns the answers that stand.

        Raises:
            FileError: they are not those of as many images.
        """
        try:
            answers = np.frombuffer(zlib.decompress(base64.b64decode(rung.answers, validate=True)), "<i2")
        except (binascii.Error, zlib.error, ValueError) as error:
            raise _damaged(self.path) from error
        if len(answers) != len(self.reference.ids):
            raise _damaged(self.path)
        return answers

    def _is_better(self, new: Answers, old: Answers) -> bool:
        """Returns whether answers are better than others, one-sided at 5 %."""
        board = Board.of([list(self.reference.scores(answers).values()) for answers in (old, new)])
        return bool(p_worse(board, 1)[0] <= 1 - LEVEL)


@contextmanager
def opened(path: Path, reference: Reference) -> Iterator[Ladder]:
    """Yields the ladder of a file, which no other process changes meanwhile, and saves it where all goes well.

    Raises:
        FileError: the file is damaged or no ladder, or the disk refuses.
        RunError: it is the ladder of other test images, or another process has it.
    """
    lease = Lease(path.with_name(f".{path.name}.lock"))
    try:
        holder = lease.take()
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error
    if holder is not None:
        raise RunError(f"{holder} is at work on {path}: try again when it is done")
    try:
        ladder = Ladder(path, reference)
        yield ladder
        ladder.save()
    finally:
        lease.release()


def climb_all(ladder: Ladder, entries: Sequence[Entry]) -> list[Contender]:
    """Returns the contenders of all tables, as far as they may be revealed.

    Raises:
        UsageError: two tables have one name, by which submitters are known.
    """
    names = [entry.path.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--ladder knows submitters by the names of their files, and two are called {name}")
    return [ladder.climb(entry) for entry in entries]


def _packed(answers: Answers) -> str:
    return base64.b64encode(zlib.compress(answers.astype("<i2").tobytes(), 9)).decode()


def _read(path: Path, images: str) -> dict[str, Rung]:
    content = read_if_there(path)
    if content is None:
        return {}
    try:
        value = parse_json(content)
    except ValueError as error:
        raise _damaged(path) from error
    known = {name: one for name, one in value.items() if name != CHECK} if isinstance(value, dict) else value
    if problem_of(known, LadderRecord) or not is_whole(value):
        raise _damaged(path)
    if known["images"] != images:
        raise RunError(f"{path} is the ladder of other test images: name another file, or give the run it began with")
    return {name: Rung(**rung) for name, rung in known["rungs"].items()}


def _damaged(path: Path) -> FileError:
    return FileError(f"{path} is no ladder, or damaged (its checksum differs): restore it, or name another file")
