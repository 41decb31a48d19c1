"""How inference jobs turn out, per workflow of the study."""

from studyscope_contract.metric import Dimension, Kind, Table, Unit, Within, edges
from studyscope_contract.vocabulary import FAILURE_REASONS, JOB_OUTCOMES

JOB_OUTCOME = Table(
    id="job_outcome",
    metric="study_job_patients",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Patients by the outcome of their latest job of the workflow.",
    rule="The outcome of the patient's latest job of the workflow; retries count once.",
    dimensions=(Dimension("outcome", JOB_OUTCOMES),),
    per="workflow",
    subpopulation=True,
    sensitive=True,
)

JOB_FAILURE_REASON = Table(
    id="job_failure_reason",
    metric="study_job_failure_patients",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Patients whose latest job of the workflow failed, by reason.",
    rule="The failure reason of the patient's latest job of the workflow, where that job failed.",
    dimensions=(Dimension("reason", tuple(reason for reason in FAILURE_REASONS if reason != "none")),),
    per="workflow",
    subpopulation=True,
    sensitive=True,
    within=(Within("job_outcome", ("failed",)),),
)

JOB_DURATION = Table(
    id="job_duration",
    metric="study_job_duration_seconds",
    kind=Kind.HISTOGRAM,
    unit=Unit.PATIENT,
    help="Patients by how long their latest succeeded job of the workflow ran.",
    rule="Finish less start of the patient's latest job of the workflow, where it succeeded.",
    dimensions=(Dimension("le", edges(30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)),),
    per="workflow",
    subpopulation=True,
    within=(Within("job_outcome", ("succeeded",)),),
)

JOB_QUEUE_WAIT = Table(
    id="job_queue_wait",
    metric="study_job_queue_wait_seconds",
    kind=Kind.HISTOGRAM,
    unit=Unit.PATIENT,
    help="Patients by how long their latest job of the workflow waited before it ran.",
    rule="Start less queueing of the patient's latest job of the workflow, where both are known.",
    dimensions=(Dimension("le", edges(10, 60, 300, 900, 3600, 14400, 86400)),),
    per="workflow",
    subpopulation=True,
)

TABLES = (JOB_OUTCOME, JOB_FAILURE_REASON, JOB_DURATION, JOB_QUEUE_WAIT)
