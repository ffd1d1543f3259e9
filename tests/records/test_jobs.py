"""Training runs as rows: asked for once, held by one worker, and never running without one."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from records import audit
from records.database import Database
from records.errors import NotAllowed, NotFound
from records.models import jobs, leases
from records.models.jobs import (
    AGAIN,
    CANCEL,
    CANCELLED,
    DONE,
    FAILED,
    INTERRUPTED,
    RUNNING,
    WAITING,
    AskedAlready,
    Job,
    NotNow,
)
from records.models.leases import Lease, Lost, Process
from records.models.queue import open_queue
from tests.conftest import ROOT
from tests.records.clinic import CLINIC, OFFICE, Clinic
from tests.signing import add

REQUEST = {"data": ["toy"], "settings": {"epochs": 3}}


def ask(database: Database, **more: object) -> Job:
    return jobs.ask(database, actor=OFFICE, kind="fit", request={**REQUEST, **more})


def claim(database: Database, job: Job, node: str = "here") -> Lease:
    lease = leases.claim(database, job_id=job.id, node=node)
    assert lease
    return lease


def state(database: Database, job: Job) -> str:
    return jobs.one(database, actor=OFFICE, job_id=job.id).state


def test_a_run_is_asked_for_carried_out_and_done(clinic: Clinic) -> None:
    job = ask(clinic.database)
    assert (job.number, job.state, job.request) == (1, WAITING, REQUEST)
    lease = claim(clinic.database, job)
    assert state(clinic.database, job) == RUNNING
    clinic.clock.pass_by(minutes=5)
    leases.end(clinic.database, lease, state=DONE, version="1.2")
    done = jobs.one(clinic.database, actor=OFFICE, job_id=job.id)
    assert done.begun_at and done.ended_at
    assert (done.state, done.version) == (DONE, "1.2")
    assert (done.ended_at - done.begun_at).total_seconds() == 300
    assert ask(clinic.database).number == 2  # a finished one may be asked for again
    kinds = [e.kind for e in audit.entries(clinic.database, actor=OFFICE, object_id=job.id)]
    assert kinds == ["run done", "run begun", "run asked for"]


def test_the_same_run_is_refused_naming_who_asked_for_it(database: Database) -> None:
    owner = add(database, name="Anna Berg")
    actor = jobs.Actor(owner.id, OFFICE.roles)
    job = jobs.ask(database, actor=actor, kind="fit", request=REQUEST)
    with pytest.raises(AskedAlready, match=r"run 1, which Anna Berg asked for on 12 Mar 2025"):
        ask(database)
    assert ask(database, data=["other"]).number == 2
    assert jobs.ask(database, actor=OFFICE, kind="tune", request=REQUEST).number == 3
    leases.end(database, claim(database, job), state=INTERRUPTED, reason="at epoch 3")
    with pytest.raises(AskedAlready, match="interrupted"):
        ask(database)
    jobs.cancel(database, actor=OFFICE, job_id=job.id)
    again = ask(database)
    with pytest.raises(AskedAlready, match="run 4"):  # the cancelled one is the same run
        jobs.resume(database, actor=OFFICE, job_id=job.id)
    assert again.number == 4


def pressed(database: Database, trial: int) -> tuple[list[Job], list[str]]:
    """What four get who press Start at the same moment: runs, and refusals."""
    gate = threading.Barrier(4)
    made: list[Job] = []
    refused: list[str] = []

    def press() -> None:
        gate.wait()
        try:
            made.append(ask(database, trial=trial))
        except AskedAlready as error:
            refused.append(str(error))

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made, refused


def test_many_who_press_start_at_once_make_one_run(database: Database, times) -> None:
    for trial in range(times(5, 100)):
        made, refused = pressed(database, trial)
        assert (len(made), len(refused)) == (1, 3)
        assert all(f"This is run {made[0].number}, which an-admin" in said for said in refused)


PRESS = """
import sys
from records import schema
from records.models import jobs
from records.access.actors import CONSOLE
database = schema.open_database(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
try:
    print(jobs.ask(database, actor=CONSOLE, kind="fit", request={"data": ["toy"]}).number)
except jobs.AskedAlready as error:
    print(error)
"""


def test_two_servers_that_start_the_same_run_make_one(sqlite_url: str) -> None:
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", PRESS, sqlite_url],
            cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    for server in servers:
        assert server.stdout and server.stdout.readline() == "ready\n"
    for server in servers:
        assert server.stdin
        server.stdin.write("\n")
        server.stdin.flush()
    made, refused = sorted(server.communicate(timeout=60)[0] for server in servers)
    assert made == "1\n" and refused.startswith("This is run 1, which console asked for on ")


def test_cancelling_twice_or_late_changes_nothing(database: Database) -> None:
    job = ask(database)
    jobs.cancel(database, actor=OFFICE, job_id=job.id)
    jobs.cancel(database, actor=OFFICE, job_id=job.id)
    assert state(database, job) == CANCELLED
    assert leases.claim(database, job_id=job.id, node="here") is None
    jobs.resume(database, actor=OFFICE, job_id=job.id)
    jobs.resume(database, actor=OFFICE, job_id=job.id)
    assert state(database, job) == WAITING
    lease = claim(database, job)
    assert leases.wanted(database, lease) == ""
    jobs.cancel(database, actor=OFFICE, job_id=job.id)
    jobs.cancel(database, actor=OFFICE, job_id=job.id)
    assert leases.wanted(database, lease) == CANCEL
    assert leases.end(database, lease, state=INTERRUPTED, reason="stopped") == CANCELLED
    jobs.cancel(database, actor=OFFICE, job_id=job.id)
    assert state(database, job) == CANCELLED
    kinds = [e.kind for e in audit.entries(database, actor=OFFICE, object_id=job.id)]
    assert kinds.count("run cancelled") == 3  # two of them by hand


def test_a_run_that_was_done_before_it_heard_of_the_cancel_is_done(database: Database) -> None:
    lease = claim(database, job := ask(database))
    jobs.cancel(database, actor=OFFICE, job_id=job.id)
    assert leases.end(database, lease, state=DONE, version="1.2") == DONE
    with pytest.raises(NotNow, match="finished"):
        jobs.resume(database, actor=OFFICE, job_id=job.id)


def test_start_after_stop_before_the_end_starts_again(database: Database) -> None:
    lease = claim(database, job := ask(database))
    jobs.cancel(database, actor=OFFICE, job_id=job.id)
    jobs.resume(database, actor=OFFICE, job_id=job.id)
    assert leases.wanted(database, lease) == AGAIN
    assert leases.end(database, lease, state=INTERRUPTED) == WAITING
    assert leases.waiting(database) == [job.id]
    assert claim(database, job).attempt == 2


def test_runs_wait_in_the_order_in_which_they_were_put_there(clinic: Clinic) -> None:
    first, second, third = (ask(clinic.database, place=place) for place in range(3))
    clinic.clock.pass_by(seconds=1)
    leases.end(clinic.database, claim(clinic.database, first), state=FAILED, reason="x")
    jobs.resume(clinic.database, actor=OFFICE, job_id=first.id)
    assert leases.waiting(clinic.database) == [second.id, third.id, first.id]


def test_only_one_worker_gets_a_run(database: Database) -> None:
    job = ask(database)
    gate = threading.Barrier(4)
    got: list[Lease | None] = []

    def take() -> None:
        gate.wait()
        got.append(leases.claim(database, job_id=job.id, node="here"))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(lease is not None for lease in got) == 1


def test_a_worker_that_was_replaced_can_write_nothing(database: Database) -> None:
    lost = claim(database, job := ask(database))
    leases.name_trainer(database, lost, Process("here", "this boot", 77, "123"))
    (held,) = leases.held(database)
    assert held.process == Process("here", "this boot", 77, "123")
    leases.beat(database, lost)
    assert leases.take_over(database, held) is None  # it has given a sign of life since
    (held,) = leases.held(database)
    kept = leases.take_over(database, held)
    assert kept and kept.attempt == lost.attempt
    for deed in (
        lambda: leases.wanted(database, lost),
        lambda: leases.beat(database, lost),
        lambda: leases.name_trainer(database, lost, Process("", "", 1, "")),
        lambda: leases.end(database, lost, state=DONE),
    ):
        with pytest.raises(Lost):
            deed()
    assert leases.end(database, kept, state=INTERRUPTED, reason="at epoch 3") == INTERRUPTED
    assert jobs.one(database, actor=OFFICE, job_id=job.id).reason == "at epoch 3"


def test_a_run_is_deleted_once_it_has_ended(database: Database) -> None:
    job = ask(database)
    with pytest.raises(NotNow, match="Cancel it first"):
        jobs.delete(database, actor=OFFICE, job_id=job.id)
    jobs.cancel(database, actor=OFFICE, job_id=job.id)
    jobs.delete(database, actor=OFFICE, job_id=job.id)
    assert jobs.everything(database, actor=OFFICE) == []
    assert leases.deleted(database) == [job.id]
    for deed in (jobs.one, jobs.cancel, jobs.resume, jobs.delete):
        with pytest.raises(NotFound):
            deed(database, actor=OFFICE, job_id=job.id)
    assert ask(database).number == 2


def test_runs_are_for_administrators(database: Database) -> None:
    job = ask(database)
    with pytest.raises(NotAllowed):
        jobs.ask(database, actor=CLINIC, kind="fit", request=REQUEST)
    with pytest.raises(NotAllowed):
        jobs.everything(database, actor=CLINIC)
    for deed in (jobs.one, jobs.cancel, jobs.resume, jobs.delete):
        with pytest.raises(NotAllowed):
            deed(database, actor=CLINIC, job_id=job.id)


def test_ids_travel_through_the_queue_in_order_as_json(url: str, tmp_path: Path) -> None:
    got: list[str] = []
    there = open_queue(url, tmp_path, got.append)
    sender = open_queue(url, tmp_path, lambda _: None)
    sender.send("a")
    sender.close()
    there.send("b")
    raw = there.huey.storage.enqueued_items()
    assert b'["a"]' in bytes(raw[0])
    while task := there.huey.dequeue():
        there.huey.execute(task)
    assert got == ["a", "b"] and there.empty()
    there.close()


def test_data_that_an_unfinished_run_needs_is_not_let_go(clinic: Clinic) -> None:
    gone: list[str] = []

    def let_go(name: str) -> None:
        def remove() -> None:
            gone.append(name)

        jobs.let_go(clinic.database, actor=OFFICE, data_set=name, remove=remove)

    job = ask(clinic.database)
    lease = claim(clinic.database, job)
    leases.end(clinic.database, lease, state=INTERRUPTED, reason="Interrupted at epoch 2.")
    with pytest.raises(NotNow, match="Run 1 is interrupted and needs this data set"):
        let_go("toy")
    let_go("another")
    jobs.cancel(clinic.database, actor=OFFICE, job_id=job.id)
    let_go("toy")
    assert gone == ["another", "toy"]
    with pytest.raises(NotAllowed):
        jobs.let_go(clinic.database, actor=CLINIC, data_set="toy", remove=gone.clear)
    found = audit.entries(clinic.database, actor=OFFICE, limit=9)
    assert [one.object_id for one in found if one.kind == "data set deleted"] == ["toy", "another"]
