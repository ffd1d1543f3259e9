"""A run that has ended: what became of it, and what can be done with it."""

import json
from typing import Any

import streamlit as st

from pages.components.frame import guard, serving
from pages.components.frame.words import markdown
from pages.components.learning import livecurves, runs
from pages.components.learning.running import act
from records import jobs
from records.actors import ADMIN
from records.jobs import Job
from training.folder import last_words, read_history

LINES = 40  # of the log
AGAIN = "training-again"  # the request that the form is to begin with


def one(job: Job, names: dict[str, str], people: dict[str, str]) -> None:
    """A run that has ended, folded up."""
    made = f" · candidate {job.version}" if job.version else ""
    label = f"**{runs.title(job)}** · {runs.what(job)} · {runs.state(job)}{made}"
    with st.expander(label, key=f"run-{job.id}"):
        who = runs.who(job, people)
        took = ""
        if job.begun_at and job.ended_at:
            last = f"attempt {job.attempt} " if job.attempt > 1 else ""
            took = f" · {last}took {duration((job.ended_at - job.begun_at).total_seconds())}"
        st.caption(
            markdown(
                f"{runs.data(job, names)} · {runs.start(job)} · asked for by {who},"
                f" {runs.moment(job.asked_at)}{took}"
            )
        )
        if job.reason:
            (st.error if job.state == jobs.FAILED else st.warning)(markdown(job.reason))
        folder = runs.places().run(job.id)
        outcome(job)
        if job.version and st.button(f"See candidate {job.version}", key=f"see-{job.id}"):
            st.switch_page("admin/models.py")
        history = read_history(folder)
        if history:
            livecurves.draw(history, epochs=int(history[-1]["epochs"]), key=f"ended-{job.id}")
        buttons(job)
        if said := last_words(folder, LINES):
            with st.expander("Log"):
                st.code("\n".join(said), language=None, wrap_lines=True)


def buttons(job: Job) -> None:
    """What can be done with a run that has ended."""
    with st.container(horizontal=True):
        if job.state != jobs.DONE and st.button(
            "Resume", key=f"resume-{job.id}", help="Goes on where it stopped."
        ):

            def again() -> None:
                jobs.resume(serving.database(), actor=guard.require(ADMIN).actor, job_id=job.id)
                runs.wake(job.id)

            act(again)
        if st.button("Run again with changes", key=f"again-{job.id}"):
            begin_with(dict(job.request))
        best = read(job, "best.json") if job.kind == "tune" else None
        if best and st.button("Train with the best settings", key=f"best-{job.id}"):
            begin_with({**job.request, "kind": "fit", "settings": best})
        if st.button("Delete", key=f"delete-{job.id}", icon=":material/delete:"):
            sure(job)


def begin_with(request: dict[str, Any]) -> None:
    """Fills the form, which stands above, with this request."""
    st.session_state[AGAIN] = request
    st.toast("The form for a new run, above, is filled in.")
    st.rerun()


@st.dialog("Delete this run?")
def sure(job: Job) -> None:
    """Asks before a run's files are removed."""
    kept = f" Candidate {job.version} stays among the models." if job.version else ""
    st.write(f"{runs.title(job)} with its log, curves and weights is removed for good.{kept}")
    if st.button("Delete this run", type="primary"):
        act(lambda: jobs.delete(
            serving.database(), actor=guard.require(ADMIN).actor, job_id=job.id
        ))  # fmt: skip


def outcome(job: Job) -> None:
    """The numbers of a cross-validation or a search, as far as there are any."""
    if job.kind == "cross-validate" and (found := read(job, "cross-validation.json")):
        folds(found)
    if job.kind == "tune" and (found := read(job, "tuning.json")):
        trials(found)


def folds(found: dict[str, Any]) -> None:
    """Mean and spread over the folds, of single photos and of series."""
    names = {
        "accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy",
        "macro_precision": "Precision", "macro_f1": "F1", "macro_auroc": "AUROC",
    }  # fmt: skip
    kinds = {"single_photos": "Single photos", "series": "Series"}
    table: dict[str, list[str]] = {"Measure": list(names.values())}
    for kind, title in kinds.items():
        values = found["mean_and_sd"][kind]
        table[f"{title}, mean ± sd"] = [
            f"{values[name][0]:.3f} ± {values[name][1]:.3f}" if values[name] else "-"
            for name in names
        ]
    st.dataframe(table, hide_index=True)
    st.caption(found["how"])


def trials(found: dict[str, Any]) -> None:
    """Every trial with its settings, the best first."""
    rows = sorted(found["trials"], key=lambda row: -(row["balanced_accuracy"] or 0))
    table: dict[str, list[Any]] = {
        "Trial": [row["trial"] for row in rows],
        "Balanced accuracy": [row["balanced_accuracy"] for row in rows],
        "Epochs": [row["epochs"] for row in rows],
    }
    for name in found["searched"]:
        table[name.replace("_", " ").capitalize()] = [row["settings"][name] for row in rows]
    st.dataframe(table, hide_index=True)
    st.caption(found["how"])


def read(job: Job, name: str) -> dict[str, Any] | None:
    """A result of a run, if it is there."""
    try:
        found: dict[str, Any] = json.loads((runs.places().run(job.id) / name).read_text())
    except (OSError, ValueError):
        return None
    return found


def duration(seconds: float) -> str:
    """How long something took."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
