"""The worker: it watches over trainers, finds them again, and never takes another for its own."""

import datetime
import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import settings
import worker
from records import audit
from records.access.actors import CONSOLE
from records.clinic import confirmations
from records.clinic.confirmations import ConfirmationFields
from records.clinic.photos import NewPhoto
from records.database import Database
from records.errors import Busy
from records.keeping.store import open_store
from records.models import jobs, leases
from records.models.jobs import CANCELLED, DONE, FAILED, INTERRUPTED, RUNNING, WAITING, Job
from records.models.leases import Process
from records.schema import open_database
from tests.records.clinic import CLINIC, CODES, Clinic, Clock
from tests.tiny import save_tiny_model
from tests.training.conftest import write_isic
from training.data import endings, intake, intake_process
from training.data.datasets import data_sets, write_data_set
from training.data.manifest import read_isic
from training.runs import process
from training.runs.folder import CONFIG, HISTORY, Result, last_words, write_result
from training.runs.request import Places, Request
from worker import Worker

# A trainer that learns nothing but does what it is told, without the cost of importing PyTorch.
TRAINER = """
import json, signal, sys, time
from pathlib import Path
folder, attempt = Path(sys.argv[1]), int(sys.argv[2])
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
if sys.stdin.readline() != "go\\n":
    sys.exit(1)
deed = json.loads((folder / "request.json").read_text())["deed"]
print("working", flush=True)
(folder / "working").touch()
def end(state, **more):
    (folder / "result.json").write_text(json.dumps({"attempt": attempt, "state": state, **more}))
    sys.exit(0)
if deed == "done":
    end("done", version="1.1")
if deed == "fail":
    end("failed", reason="The loss stopped being a number.")
if deed == "full":
    end("interrupted", reason="Disk full: 0.2 GB free, need 1.5 GB.")
while deed == "deaf" or not asked:
    time.sleep(0.01)
end("stopped")
"""


REAL = Worker.command
# The trainer that the app starts, but for its low priority, with which a busy machine would hardly
# ever run it, and for most of the bootstrap's samples.
AT_ONCE = """
import sys
from training import jobs
from training.measuring import evaluate
from training.runs import process
evaluate.RESAMPLES = 5
process.step_back = lambda: None
sys.exit(jobs.main())
"""


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Settings:
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path / "data"))
    return settings.load()


@pytest.fixture
def database(loaded: settings.Settings) -> Iterator[Database]:
    opened = open_database(loaded.database_url, patience=0.2)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "POLL", 0.02)
    monkeypatch.setattr(worker, "BEAT", 0.02)

    def command(_: Worker, lease: leases.Lease, folder: Path) -> list[str]:
        return [sys.executable, "-S", "-c", TRAINER, str(folder), str(lease.attempt)]

    monkeypatch.setattr(Worker, "command", command)


@pytest.fixture
def started(database: Database, loaded: settings.Settings) -> Iterator[Callable[[], Worker]]:
    """Workers of this computer; what they left running is ended."""
    made: list[Worker] = []

    def start() -> Worker:
        made.append(Worker(database, loaded))
        return made[-1]

    yield start
    for one in leases.held(database):
        if one.process:
            process.end(one.process.pid, one.process.started, kill=True)
    for one in made:
        one.queue.close()


def ask(database: Database, deed: str) -> Job:
    return jobs.ask(database, actor=CONSOLE, kind="fit", request={"deed": deed})


def look(database: Database, job: Job) -> Job:
    return jobs.one(database, actor=CONSOLE, job_id=job.id)


def until(found: Callable[[], object], seconds: float = 30) -> None:
    """Waits until it is so."""
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def at_work(loaded: settings.Settings, database: Database, deed: str, one: Worker) -> Job:
    """A run that is being trained, watched over by a thread."""
    job = ask(database, deed)
    threading.Thread(target=one.run, args=(job.id,), daemon=True).start()
    until((loaded.data_dir / "runs" / job.id / "working").exists)
    return job


def trainer(database: Database) -> Process:
    (held,) = leases.held(database)
    assert held.process
    return held.process


def history(loaded: settings.Settings, job: Job, epochs: int) -> None:
    """So many epochs are behind the run."""
    lines = [json.dumps({"epoch": epoch + 1}) for epoch in range(epochs)]
    (loaded.data_dir / "runs" / job.id / HISTORY).write_text("\n".join(lines))


def test_what_became_of_a_run_is_written_down(database: Database, started) -> None:
    one = started()
    for deed, state, reason in (
        ("done", DONE, ""),
        ("fail", FAILED, "The loss stopped being a number."),
        ("full", INTERRUPTED, "Interrupted at its start. Disk full: 0.2 GB free, need 1.5 GB."),
    ):
        job = ask(database, deed)
        one.run(job.id)
        found = look(database, job)
        assert (found.state, found.reason) == (state, reason)
        assert found.version == ("1.1" if deed == "done" else "")
        one.run(job.id)  # the same message twice
        assert look(database, job) == found


def test_a_cancelled_run_is_stopped_and_a_deaf_one_ended(
    loaded, database: Database, started, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = at_work(loaded, database, "wait", started())
    jobs.cancel(database, actor=CONSOLE, job_id=job.id)
    jobs.cancel(database, actor=CONSOLE, job_id=job.id)
    until(lambda: look(database, job).state == CANCELLED)
    monkeypatch.setattr(worker, "GRACE", 0.1)
    job = at_work(loaded, database, "deaf", started())
    jobs.cancel(database, actor=CONSOLE, job_id=job.id)
    until(lambda: look(database, job).state == CANCELLED)


def test_start_after_stop_starts_again(loaded, database: Database, started) -> None:
    one = started()
    job = at_work(loaded, database, "deaf", one)
    jobs.cancel(database, actor=CONSOLE, job_id=job.id)
    jobs.resume(database, actor=CONSOLE, job_id=job.id)
    found = trainer(database)
    process.end(found.pid, found.started, kill=True)
    until(lambda: look(database, job).state == WAITING)
    until(lambda: not one._alone.locked())
    one.sweep()  # its id is in no queue: the row alone knows that it waits
    task = one.queue.huey.dequeue()
    assert task and tuple(task.args) == (job.id,)


def test_a_killed_trainer_is_noticed_and_can_go_on(loaded, database: Database, started) -> None:
    job = at_work(loaded, database, "wait", started())
    history(loaded, job, 2)
    (loaded.data_dir / "runs" / job.id / "progress.json").write_text('{"stage": "epoch"}')
    found = trainer(database)
    killed = time.monotonic()
    process.end(found.pid, found.started, kill=True)
    until(lambda: look(database, job).state == INTERRUPTED)
    assert time.monotonic() - killed < 60
    assert look(database, job).reason == "Interrupted at epoch 3."
    assert leases.held(database) == []
    jobs.resume(database, actor=CONSOLE, job_id=job.id)
    assert look(database, job).state == WAITING


def test_a_trainer_outlives_its_worker_and_is_found_again(
    loaded, database: Database, started
) -> None:
    """As when the app is killed: the worker goes with it, the trainer does not."""
    first = started()
    job = ask(database, "wait")
    lease = leases.claim(database, job_id=job.id, node=first.node)
    assert lease
    alone = first._start(lease)  # and then nobody watches
    assert alone
    assert process.is_there(alone.pid, alone.started)
    second = started()
    second.sweep()
    second.sweep()
    time.sleep(0.2)
    assert look(database, job).state == RUNNING and trainer(database) == alone
    jobs.cancel(database, actor=CONSOLE, job_id=job.id)
    until(lambda: look(database, job).state == CANCELLED)
    assert not process.is_there(alone.pid, alone.started)


def test_what_ended_while_nobody_watched_is_written_down(
    loaded, database: Database, started
) -> None:
    one = started()
    for result, state in ((Result(1, "done", version="1.1"), DONE), (None, INTERRUPTED)):
        job = ask(database, "never")
        lease = leases.claim(database, job_id=job.id, node=one.node)
        assert lease
        leases.name_trainer(database, lease, Process(one.node, one.machine, 2**22 + 1, "1"))
        folder = loaded.data_dir / "runs" / job.id
        folder.mkdir(parents=True)
        if result:
            write_result(folder, result)
        one.sweep()
        until(lambda job=job, state=state: look(database, job).state == state)


def test_after_a_restart_of_the_computer_no_other_process_is_taken_for_the_trainer(
    loaded, database: Database, started
) -> None:
    """Another process has the trainer's number by then, or even its start in clock ticks."""
    other = subprocess.Popen(["sleep", "60"])
    try:
        one = started()
        since = process.started(other.pid)
        assert since
        for machine, begun in (("another start", since), (one.machine, "1")):
            job = ask(database, f"{machine} {begun}")
            lease = leases.claim(database, job_id=job.id, node=one.node)
            assert lease
            leases.name_trainer(database, lease, Process(one.node, machine, other.pid, begun))
            jobs.cancel(database, actor=CONSOLE, job_id=job.id)
            one.sweep()
            until(lambda job=job: look(database, job).state == CANCELLED)
        process.end(other.pid, "1")
        process.end(other.pid, "1", kill=True)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_lost_computer_is_waited_for_by_no_clock_that_can_be_set(
    loaded, database: Database, started, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(database, "far away")
    lease = leases.claim(database, job_id=job.id, node="another computer")
    assert lease
    leases.name_trainer(database, lease, Process("another computer", "its start", 1, "1"))
    one = started()
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    day = datetime.timedelta(days=1)
    for jump in (day, -day, 3 * day):
        one.database = replace(
            database, clock=lambda jump=jump: datetime.datetime.now(datetime.UTC) + jump
        )
        for _ in range(3):
            now[0] += worker.TAKEOVER / 4
            one.sweep()
            assert look(database, job).state == RUNNING
        leases.beat(database, lease)
    for _ in range(6):
        now[0] += worker.TAKEOVER / 4
        one.sweep()
    found = look(database, job)
    assert found.state == INTERRUPTED and found.reason.startswith("The computer that trained it")
    with pytest.raises(leases.Lost):
        leases.beat(database, lease)


def test_a_locked_database_neither_ends_nor_doubles_a_trainer(
    loaded, database: Database, started
) -> None:
    job = at_work(loaded, database, "wait", started())
    alone = trainer(database)
    other = started()
    other.node = "another computer"
    with database.write() as session:
        jobs.load(session, job.id).reason = "locked"
        session.flush()  # nobody else can write now
        for _ in range(6):
            time.sleep(0.1)
            other.sweep()
        assert process.is_there(alone.pid, alone.started)
    (held,) = leases.held(database)
    until(lambda: leases.held(database)[0].beat > held.beat)
    assert look(database, job).state == RUNNING and trainer(database) == alone


def test_a_worker_that_was_replaced_ends_its_trainer(loaded, database: Database, started) -> None:
    job = at_work(loaded, database, "deaf", started())
    alone = trainer(database)
    lease = None
    while lease is None:  # it gives signs of life all the time
        (held,) = leases.held(database)
        lease = leases.take_over(database, held)
    until(lambda: not process.is_there(alone.pid, alone.started))
    assert look(database, job).state == RUNNING  # whose it is now says what becomes of it


def test_where_others_may_take_over_a_trainer_ends_first(
    loaded, database: Database, started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a server's database another computer can see what this one cannot."""
    monkeypatch.setattr(worker, "ABORT", 0.1)
    monkeypatch.setattr(worker, "GRACE", 0.1)
    one = started()
    one.shared = True
    job = ask(database, "deaf")
    lease = leases.claim(database, job_id=job.id, node=one.node)
    assert lease
    alone = one._start(lease)
    assert alone

    def unreachable(*_: object) -> None:
        raise Busy

    monkeypatch.setattr(leases, "wanted", unreachable)
    thread = threading.Thread(target=one._watch, args=(lease, alone), daemon=True)
    thread.start()
    until(lambda: not process.is_there(alone.pid, alone.started))
    thread.join(30)
    assert look(database, job).state == INTERRUPTED
    assert worker.ABORT + worker.GRACE < worker.TAKEOVER


def test_memory_that_ran_out_is_said_with_a_smaller_batch(
    loaded, database: Database, started, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = started()
    job = at_work(loaded, database, "wait", one)
    config = {"batch": 32, "learns": "all"}
    (loaded.data_dir / "runs" / job.id / CONFIG).write_text(json.dumps(config))
    until(lambda: leases.held(database)[0].beat)
    monkeypatch.setattr(process, "killed_for_memory", lambda: 10**9)
    found = trainer(database)
    process.end(found.pid, found.started, kill=True)
    until(lambda: look(database, job).state == INTERRUPTED)
    assert "Memory ran out with a batch of 32 photos" in look(database, job).reason
    assert "for example 16" in look(database, job).reason


def test_a_trainer_whose_worker_ends_before_naming_it_never_begins(
    loaded, database: Database, started, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = started()
    job = ask(database, "wait")

    def busy(*_: object) -> None:
        raise Busy

    monkeypatch.setattr(leases, "name_trainer", busy)
    with pytest.raises(Busy):
        one.run(job.id)
    monkeypatch.undo()
    until(lambda: not leases.held(database)[0].process)
    time.sleep(0.2)
    assert not (loaded.data_dir / "runs" / job.id / "working").exists()


def test_the_files_of_a_deleted_run_go_once_its_trainer_has(
    loaded, database: Database, started
) -> None:
    one = started()
    job = ask(database, "done")
    one.run(job.id)
    jobs.delete(database, actor=CONSOLE, job_id=job.id)
    folder = loaded.data_dir / "runs" / job.id
    with process.alone(folder / "run.lock"):
        one.sweep()
        assert folder.exists()
    one.sweep()
    assert not folder.exists()


def test_a_run_on_the_clinics_lesions_makes_them_anew(
    loaded: settings.Settings, database: Database, started
) -> None:
    clinic = Clinic(database, open_store(loaded.photos_url), Clock())
    lesion = clinic.lesion(clinic.patient())
    photo = io.BytesIO()
    Image.new("RGB", (96, 72), "brown").save(photo, "JPEG")
    clinic.save(lesion, NewPhoto(photo.getvalue(), "a.jpg", "image/jpeg", 96, 72))
    confirmations.confirm(
        database,
        actor=CLINIC,
        lesion_id=lesion.id,
        fields=ConfirmationFields("NV", "consensus"),
        codes=CODES,
        save_key=clinic.key(),
    )
    datasets = loaded.data_dir / "datasets"
    for number in range(2):  # the second run finds a data set that has lost what was in it
        job = jobs.ask(
            database,
            actor=CONSOLE,
            kind="fit",
            request={"deed": "done", "data": ["clinic"], "seed": number},
        )
        started().run(job.id)
        assert look(database, job).state == DONE
        (made,) = data_sets(datasets)
        assert (made.id, made.photos) == ("clinic", 1)
        (made.folder / "manifest.csv").write_text("image\n")


def test_a_run_goes_on_where_the_clinics_lesions_cannot_be_made(
    loaded: settings.Settings, database: Database, started
) -> None:
    job = jobs.ask(
        database, actor=CONSOLE, kind="fit", request={"deed": "done", "data": ["clinic"]}
    )
    started().run(job.id)  # there are none; the trainer will say so
    assert look(database, job).state == DONE
    assert not data_sets(loaded.data_dir / "datasets")


def test_how_intakes_end_is_noted_once_with_who_wanted_it(
    tmp_path: Path, loaded: settings.Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = loaded.data_dir / "datasets"
    layout = write_isic(tmp_path / "isic")

    def said() -> list[tuple[str, str, dict[str, audit.Value]]]:
        worker.note_intakes(database, datasets)
        found = audit.entries(database, actor=CONSOLE)[::-1]
        assert len({one.detail["intake"] for one in found}) == len(found)
        return [
            (
                one.kind,
                one.account_id,
                {k: v for k, v in one.detail.items() if k not in ("intake", "ended")},
            )
            for one in found
        ]

    def begin(name: str) -> Path:
        source = str(layout.folder)
        return intake.begin(datasets, intake.Request("folder", name, source=source, by="anna"))

    folder = begin("Stopped")
    intake.say(folder, intake.State("starting"))
    intake.cancel(folder, by="bert")
    assert intake_process.work(folder) == 1
    first = ("data set cancelled", "bert", {"source": "folder"})
    assert said() == [first]

    folder = begin("Whole")
    with monkeypatch.context() as patch:
        patch.setattr(intake_process, "inspect", 1 / 1j)  # is not even a function
        assert intake_process.work(folder) == 1
    with monkeypatch.context() as patch:
        patch.setattr(endings, "settle", lambda *_: None)  # killed before it knew that it had noted
        assert len(said()) == 2
    assert said()[1:] == [("data set failed", "anna", {"source": "folder", "problems": 1})]
    intake.say(folder, intake.State("reading"))  # and then was killed
    interrupted = said()[2:]
    assert interrupted == said()[2:] == [("data set interrupted", "worker", {"source": "folder"})]
    assert intake_process.work(folder) == 0
    assert said()[3:] == [
        ("data set added", "anna", {"source": "folder", "photos": 130, "lesions": 64})
    ]
    layout.truth.write_text("image\n")
    assert intake_process.work(begin("Wrong")) == 1
    (kind, who, detail) = said()[-1]
    assert (kind, who) == ("data set refused", "anna") and int(detail["problems"]) > 0


@pytest.mark.slow
def test_a_run_from_drawn_photos_ends_with_a_candidate(
    tmp_path: Path, database: Database, started, monkeypatch: pytest.MonkeyPatch
) -> None:

    def command(one: Worker, lease: leases.Lease, folder: Path) -> list[str]:
        python, _, _, *rest = REAL(one, lease, folder)
        return [python, "-c", AT_ONCE, *rest]

    monkeypatch.setattr(Worker, "command", command)
    monkeypatch.setenv("SKIN_MODELS_DIR", str(save_tiny_model(tmp_path / "models", "1.0").parent))
    folder = settings.load().data_dir / "datasets" / "toys"
    folder.mkdir(parents=True)
    table = read_isic(write_isic(tmp_path / "isic").folder).table
    day = datetime.date(2025, 3, 12)
    write_data_set(folder, table, name="Toys", kind="folder", created_on=day)
    request = Request(
        "fit", ("toys",), version="1.0", settings={"learns": "head", "views": 1, "epochs": 2}
    )
    job = jobs.ask(database, actor=CONSOLE, kind="fit", request=request.to_dict())
    one = Worker(database, settings.load())
    one.run(job.id)
    one.queue.close()
    found = look(database, job)
    assert (found.state, found.version, found.reason) == (DONE, "1.0.1", "")
    places = Places(settings.load().data_dir, tmp_path / "models")
    assert places.registry.versions() == ("1.0", "1.0.1")
    assert places.registry.active().name == "1.0"
    said = "\n".join(last_words(places.run(job.id), 20))
    assert "epoch 2/2" in said and "Traceback" not in said
