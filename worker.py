"""The worker: takes training runs from the queue, one at a time, and watches over their trainers.

The app starts it; on another machine `python worker.py` does. It ends with the app, but a trainer
does not: the next worker finds it again. What it must remember stands in the records.
"""

import argparse
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import settings
from records import schema
from records.access.actors import CONSOLE
from records.database import Database
from records.errors import RecordError
from records.keeping.snapshot import keep_in
from records.keeping.store import open_store
from records.models import cases, intakes, leases
from records.models.jobs import DONE, FAILED, INTERRUPTED
from records.models.leases import Held, Lease, Lost, Process
from records.models.queue import open_queue
from training.data import clinic, endings, intake
from training.data.intake import Refused
from training.data.manifest import InvalidData
from training.disk import TrainingFailed
from training.runs import process
from training.runs.folder import (
    LOCK,
    LOG,
    begin_anew,
    read_result,
    too_large,
    whereabouts,
    write_request,
)

log = logging.getLogger("dermtrace.worker")

POLL = 1.0  # seconds between two looks at a trainer and at what is wanted of it
BEAT = 10.0  # seconds between two signs of life
SWEEP = 5.0  # seconds between two looks at what was lost
GRACE = 60.0  # seconds a trainer has to save what it has learnt
ABORT = 90.0  # seconds without a sign of life that could be written; then the trainer is stopped
TAKEOVER = 180.0  # seconds without another computer's sign of life; longer than ABORT with GRACE


class Worker:
    """One worker, and the run it watches over, if any."""

    def __init__(self, database: Database, loaded: settings.Settings) -> None:
        self.database, self.settings = database, loaded
        self.node, self.machine = process.node(), process.machine()
        self.queue = open_queue(loaded.database_url, loaded.data_dir, self.run)
        self.shared = not database.is_sqlite  # with other computers, which may see what we cannot
        self._alone = threading.Lock()  # one run at a time
        self._mine: set[str] = set()
        self._seen: dict[str, tuple[tuple[int, int], float]] = {}

    def run(self, job_id: str) -> None:
        """Carry out a run that waits; nothing if it does not wait any more."""
        with self._alone:
            lease = leases.claim(self.database, job_id=job_id, node=self.node)
            if lease is None:
                return
            self._mine.add(job_id)
            try:
                trainer = self._start(lease)
                if trainer:
                    self._watch(lease, trainer)
            except Lost:
                log.warning("Run %d was taken up by another worker", lease.job.number)
            except OSError as error:  # its folder cannot be written, or no process be started
                reason = f"It could not be started: {error.strerror}."
                leases.end(self.database, lease, state=INTERRUPTED, reason=reason)
            finally:
                self._mine.discard(job_id)

    def sweep(self) -> None:
        """Take care of what others lost or left: runs, ids, endings of intakes, deleted folders."""
        for one in leases.held(self.database):
            if one.job.id in self._mine:
                continue
            if one.node == self.node:
                self._adopt(one)
            elif self._silent(one):
                self._settle(one, "The computer that trained it was lost")
        for job_id in leases.deleted(self.database):
            self._remove(self._folder(job_id))
        waiting = leases.waiting(self.database)
        if waiting and self.queue.empty() and not self._alone.locked():
            self.queue.send(waiting[0])
        note_intakes(self.database, self.settings.data_dir / "datasets")

    def _start(self, lease: Lease) -> Process | None:
        """A trainer for a run, which begins once its name is written down."""
        folder = self._folder(lease.job.id)
        if lease.attempt == 1 and clinic.ID in lease.job.request.get("data", ()):
            self._renew(lease)
        write_request(folder, lease.job.request)
        begin_anew(folder)
        with (folder / LOG).open("ab") as said:
            child = subprocess.Popen(
                self.command(lease, folder),
                cwd=settings.ROOT,
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        assert child.stdin
        threading.Thread(target=child.wait, daemon=True).start()  # leaves no zombie
        since = process.started(child.pid)
        if since is None:
            self._end(lease)
            return None
        trainer = Process(self.node, self.machine, child.pid, since)
        with child.stdin:
            leases.name_trainer(self.database, lease, trainer)
            child.stdin.write(b"go\n")
        return trainer

    def _renew(self, lease: Lease) -> None:
        """Make the clinic's confirmed lesions anew; where that fails, they stay as they were."""
        beaten = time.monotonic()

        def beat(*_: int) -> None:
            nonlocal beaten
            if time.monotonic() - beaten > BEAT:
                leases.beat(self.database, lease)
                beaten = time.monotonic()

        store = open_store(self.settings.photos_url)
        try:
            found = cases.confirmed(
                self.database, actor=CONSOLE, codes=clinic.CODES, malignant=clinic.MALIGNANT_CODES
            )
            making = clinic.prepare(
                self.settings.data_dir / "datasets",
                found.photos,
                lambda photo: cases.read(self.database, store, actor=CONSOLE, photo=photo),
                notes=found.notes,
                by=lease.job.account_id,
                progress=beat,
            )
            intake.start(making)
            while (one := intake.look(making)) and one.running:
                if leases.wanted(self.database, lease):
                    intake.cancel(making)
                beat()
                time.sleep(POLL)
            if one:
                log.warning("The clinic's lesions stay as they were: %s", one.state.problems)
                intake.cancel(making)
        except Lost:
            raise
        except (RecordError, InvalidData, Refused, TrainingFailed, OSError) as error:
            log.warning("The clinic's lesions stay as they were: %s", error)

    def command(self, lease: Lease, folder: Path) -> list[str]:
        """What trains: a program of its own, with half of the processors at most."""
        return [
            sys.executable, "-m", "training.jobs", str(folder),
            "--data-dir", str(self.settings.data_dir),
            "--bundled", str(self.settings.models_dir),
            "--attempt", str(lease.attempt),
            "--threads", str(process.half_the_cores()),
            "--wait",
        ]  # fmt: skip

    def _watch(self, lease: Lease, trainer: Process) -> None:
        """Stay with a trainer to its end, and write down what became of its run."""
        asked: float | None = None
        killed = process.killed_for_memory()
        beaten = time.monotonic()
        log.info("Run %d is trained by process %d", lease.job.number, trainer.pid)
        while process.is_there(trainer.pid, trainer.started):
            try:
                wanted = leases.wanted(self.database, lease)
                if time.monotonic() - beaten > BEAT:
                    leases.beat(self.database, lease)
                    beaten = time.monotonic()
            except Lost:
                process.end(trainer.pid, trainer.started, kill=True)
                raise
            except RecordError as error:
                log.warning("Run %d: %s", lease.job.number, error)
                # By then another worker may take the run up, so it must have no trainer.
                wanted = "stop" if self.shared and time.monotonic() - beaten > ABORT else ""
            if wanted and asked is None:
                asked = time.monotonic()
                process.end(trainer.pid, trainer.started)
            if asked is not None and time.monotonic() - asked > GRACE:
                process.end(trainer.pid, trainer.started, kill=True)
            time.sleep(POLL)
        self._end(lease, memory=process.killed_for_memory() > killed)

    def _end(self, lease: Lease, *, memory: bool = False) -> None:
        """Write down what became of a run whose trainer is gone."""
        folder = self._folder(lease.job.id)
        result = read_result(folder, lease.attempt)
        states = {
            "done": DONE,
            "failed": FAILED,
            "stopped": INTERRUPTED,
            "interrupted": INTERRUPTED,
        }
        state = states[result.state] if result else INTERRUPTED
        reason = result.reason if result else too_large(folder) if memory else ""
        if state == INTERRUPTED:
            reason = f"{self._where(lease.job.id, 'Interrupted')} {reason}".strip()
        version = result.version if result else ""
        while True:
            try:
                ended = leases.end(
                    self.database, lease, state=state, reason=reason, version=version
                )
                break
            except Lost:
                raise
            except RecordError as error:
                log.warning("Run %d: %s", lease.job.number, error)
                time.sleep(POLL)
        log.info("Run %d: %s %s", lease.job.number, ended, reason)

    def _adopt(self, one: Held) -> None:
        """Take up a run of this computer whose worker is gone."""
        trainer = one.process
        lease = leases.take_over(self.database, one)
        if lease is None:
            return
        self._mine.add(one.job.id)
        alive = (
            trainer is not None
            and trainer.machine == self.machine
            and process.is_there(trainer.pid, trainer.started)
        )

        def stay() -> None:
            try:
                with self._alone:
                    self._watch(lease, trainer) if alive and trainer else self._end(lease)
            except Lost:
                log.warning("Run %d was taken up by another worker", one.job.number)
            finally:
                self._mine.discard(one.job.id)

        threading.Thread(target=stay, daemon=True).start()

    def _silent(self, one: Held) -> bool:
        """Whether another computer has given no sign of life for too long, by our own clock."""
        now, sign = time.monotonic(), (one.fence, one.beat)
        before, since = self._seen.get(one.job.id, (None, now))
        if before != sign:
            self._seen[one.job.id] = (sign, now)
            return False
        return now - since > TAKEOVER

    def _settle(self, one: Held, reason: str) -> None:
        lease = leases.take_over(self.database, one)
        if lease:
            where = self._where(one.job.id, reason)
            leases.end(self.database, lease, state=INTERRUPTED, reason=where)

    def _where(self, job_id: str, what: str) -> str:
        return f"{what} {whereabouts(self._folder(job_id))}."

    def _folder(self, job_id: str) -> Path:
        return self.settings.data_dir / "runs" / job_id

    def _remove(self, folder: Path) -> None:
        if not folder.exists():
            return
        try:
            with process.alone(folder / LOCK):
                shutil.rmtree(folder, ignore_errors=True)
        except process.Taken:
            pass  # its trainer has not ended yet


def note_intakes(database: Database, datasets: Path) -> None:
    """Write into the audit log how intakes ended since the last look, and by whose will."""
    for path, ending in endings.endings(datasets):
        counts = {name: getattr(ending, name) for name in ("photos", "lesions", "problems")}
        intakes.note_ended(
            database,
            what=ending.what,
            data_set=ending.id,
            account_id=ending.by,
            token=ending.token,
            detail={"source": ending.kind, "ended": ending.at}
            | {name: n for name, n in counts.items() if n},
        )
        endings.settle(path, ending)


def main() -> int:
    """Work until asked to stop, or until whoever started this is gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--until-closed", action="store_true", help="stop when standard input is closed"
    )
    given = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    log.setLevel(logging.INFO)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    if given.until_closed:
        threading.Thread(target=_until_closed, args=(stopped,), daemon=True).start()
    loaded = settings.load()
    place = loaded.data_dir / f"worker-{process.node().rpartition(' ')[2]}.lock"
    while not stopped.is_set():
        try:
            with process.alone(place):
                return work(loaded, stopped)
        except process.Taken:  # another worker of this computer; this one takes its place
            stopped.wait(POLL)
    return 0


def work(loaded: settings.Settings, stopped: threading.Event) -> int:
    """Take runs from the queue until stopped."""
    database = schema.open_database(
        loaded.database_url, before_migration=keep_in(loaded.backups_url)
    )
    worker = Worker(database, loaded)
    _try(worker.sweep)
    consumer = worker.queue.huey.create_consumer(
        workers=1, periodic=False, max_delay=1.0, check_worker_health=True
    )
    consumer.start()
    for number in (signal.SIGINT, signal.SIGTERM):  # huey has put its own
        signal.signal(number, lambda *_: stopped.set())
    log.info("The worker is ready")
    while not stopped.wait(SWEEP):
        _try(worker.sweep)
    consumer.stop()
    return 0


def _try(deed: Callable[[], None]) -> None:
    try:
        deed()
    except RecordError as error:
        log.warning("%s", error)
    except Exception:  # of the queue's storage, for instance; the next time may go better
        log.exception("The worker could not look after the runs")


def _until_closed(stopped: threading.Event) -> None:
    sys.stdin.buffer.read()
    stopped.set()


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # threads that watch over a trainer would wait for its end
