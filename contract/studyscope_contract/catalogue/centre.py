"""Series that the centre derives from the registry and from accepted reports, for every study."""

from studyscope_contract.catalogue import forecast
from studyscope_contract.metric import Kind, Series, Table

SITE_STATES = ("never_reported", "fresh", "late", "silent", "retracted", "paused", "frozen", "withdrawn", "closed")
"""`retracted`: it reported, and all of its reports were taken back."""

STUDY_INFO = Series("study_info", "A study of the centre and the version in force.", ("study", "title", "version"))
SITE_INFO = Series(
    "study_site_info",
    "A registered site of a study: its name, city and coordinates in degrees.",
    ("study", "site", "name", "city", "latitude", "longitude"),
)
SITE_STATE = Series(
    "study_site_state",
    "1 for the state that the site is in, 0 for every other state.",
    ("study", "site", "state"),
)
SITE_LAST_REPORT = Series(
    "study_site_last_report_timestamp_seconds",
    "Grid time of the newest accepted report that counts; absent while there is none.",
    ("study", "site"),
)
SITE_REPORT_AGE = Series(
    "study_site_report_age_seconds",
    "Time since the grid time of the newest accepted report, also of one taken back; since registration while there is none.",
    ("study", "site"),
)
SITE_MISSED_GRID_POINTS = Series(
    "study_site_missed_grid_points",
    "Grid points of the site that passed without a report, since the newest report or since registration.",
    ("study", "site"),
)
SITE_TARGET = Series(
    "study_site_target_patients", "Patients that the site is to reach by the end of the study.", ("study", "site")
)
SITE_TARGET_BY_NOW = Series(
    "study_site_planned_patients",
    "Patients that the site was to have by now, on a straight line between its targets.",
    ("study", "site"),
)
SITE_TARGET_DUE = Series(
    "study_site_target_due_timestamp_seconds", "Day by which the site is to reach its target.", ("study", "site")
)
SITE_MILESTONE_DUE = Series(
    "study_site_milestone_due_timestamp_seconds",
    "Day by which the site is to pass the milestone, from the study file.",
    ("study", "site", "milestone"),
)
SITE_MILESTONE_PASSED = Series(
    "study_site_milestone_passed_timestamp_seconds",
    "Day on which the site passed the milestone, as it was told to the centre.",
    ("study", "site", "milestone"),
)
SITE_REFUSED_REPORTS = Series(
    "study_site_refused_reports",
    "Refused reports of the site since its registration, by reason.",
    ("study", "site", "reason"),
)
SITE_POLICY = Series(
    "study_policy_info", "The disclosure policy that the site's newest report names.", ("study", "site", "policy", "hash")
)
SITE_THRESHOLD = Series("study_policy_threshold", "Patients under which the site publishes nothing.", ("study", "site"))
SITE_BASE = Series("study_policy_base", "The site's counts are multiples of this.", ("study", "site"))
SITE_BATCH = Series(
    "study_policy_batch", "Patients who must change before a number of the site moves (m of its policy).", ("study", "site")
)
SITE_STUDY_VERSION = Series(
    "study_site_study_version", "Version of the study file that the site has accepted.", ("study", "site")
)
SITE_EXPORTER = Series("study_site_exporter_info", "Release of the exporter at the site.", ("study", "site", "release"))
SITE_EXPORTER_OUTDATED = Series(
    "study_site_exporter_outdated", "1 while the site's exporter is of an older minor release than the centre.", ("study", "site")
)
SITE_SOURCE_UP = Series(
    "study_site_source_up", "1 while sources of this kind can be read at the site, else 0.", ("study", "site", "kind")
)
SITE_STORAGE_LOW = Series("study_site_storage_low", "1 while the exporter's own state volume is low on space.", ("study", "site"))
SITE_KEY_MONTHS = Series(
    "study_site_key_valid_months", "Whole months for which the site's key is still valid.", ("study", "site")
)
SITE_LEARNING_ROUNDS = Series(
    "study_site_learning_rounds",
    "Rounds of federated learning at the site by what became of them: taken_part in time, late, missed.",
    ("study", "site", "state"),
)
SITE_KEY_EXPIRY = Series(
    "study_site_key_expiry_timestamp_seconds",
    "When the last key of the site that the centre accepts expires; absent while it accepts none.",
    ("study", "site"),
)
SITE_DEFINED_OTHERWISE = Series(
    "study_site_tables_defined_otherwise",
    "Tables that the site shows and that no total holds, because the study version that it accepted defines them otherwise.",
    ("study", "site"),
)
SITE_RETRACTED = Series(
    "study_site_retracted_reports",
    "Reports of the site that were taken back and are in no number any more; in history 1 on every day that they had given.",
    ("study", "site"),
)
SITE_MERGED = Series(
    "study_site_merged_info", "The site left the study and another one goes on with its patients.", ("study", "site", "into")
)
SITE_DOWNTIME = Series(
    "study_site_downtime_until_timestamp_seconds",
    "When the planned downtime in which the site is ends; absent while there is none.",
    ("study", "site"),
)
SITE_TABLE = Series(
    "study_site_table_offer",
    "1 for what the site says of the table: offered, refused, not_approved or no_source.",
    ("study", "site", "table", "offer"),
)
TABLE_VERSION = Series(
    "study_table_version", "How often the site's table has moved since it was first shown.", ("study", "site", "table")
)
TABLE_RELEASED = Series(
    "study_table_released_timestamp_seconds",
    "Grid time at which the site's table last moved.",
    ("study", "site", "table"),
)
TABLE_EXACT = Series(
    "study_table_exact",
    "1 where the numbers of the site's table are exact, as the study's protocol obliges; absent where they are protected.",
    ("study", "site", "table"),
)

ENROLMENT_REQUESTS = Series(
    "study_enrolment_requests", "Keys that sites of the study ask to have accepted and nobody has decided on.", ("study",)
)
SITES_EXPECTED = Series("study_sites_expected", "Sites that are members of the study today.", ("study",))
NEVER_REPORTED_AFTER = Series(
    "study_never_reported_after_grid_points",
    "Missed grid points after which a site that has never reported raises an alert; from the study file.",
    ("study",),
)
ALERT_THRESHOLD = Series(
    "study_alert_threshold",
    "From which value on the study's people are told, from the study file; in per cent or patients, as the name says.",
    ("study", "threshold"),
)
ALERT_THRESHOLDS = (
    "behind_plan_percent",
    "job_failure_percent",
    "missing_structure_percent",
    "missing_images_percent",
    "least_patients",
    "coverage_percent",
)
"""Names of the study file's thresholds that are series."""

SITE_SERIES = (
    SITE_INFO,
    SITE_STATE,
    SITE_LAST_REPORT,
    SITE_REPORT_AGE,
    SITE_MISSED_GRID_POINTS,
    SITE_TARGET,
    SITE_TARGET_BY_NOW,
    SITE_TARGET_DUE,
    forecast.SITE_TARGET,
    SITE_MILESTONE_DUE,
    SITE_MILESTONE_PASSED,
    SITE_REFUSED_REPORTS,
    SITE_POLICY,
    SITE_THRESHOLD,
    SITE_BASE,
    SITE_BATCH,
    SITE_STUDY_VERSION,
    SITE_EXPORTER,
    SITE_EXPORTER_OUTDATED,
    SITE_SOURCE_UP,
    SITE_STORAGE_LOW,
    SITE_KEY_MONTHS,
    SITE_LEARNING_ROUNDS,
    SITE_KEY_EXPIRY,
    SITE_DEFINED_OTHERWISE,
    SITE_RETRACTED,
    SITE_MERGED,
    SITE_DOWNTIME,
    SITE_TABLE,
    TABLE_VERSION,
    TABLE_RELEASED,
    TABLE_EXACT,
)
STUDY_SERIES = (
    STUDY_INFO,
    ENROLMENT_REQUESTS,
    SITES_EXPECTED,
    NEVER_REPORTED_AFTER,
    ALERT_THRESHOLD,
    forecast.PATIENTS,
    forecast.TARGET,
)

ACTIVITIES = ("active", "paused", "frozen", "withdrawn")
SITE_ACTIVITY = Series(
    "study_site_activity",
    "What the site said of itself on each day that a report holds: 0 active, 1 paused, 2 frozen, 3 withdrawn. In history only.",
    ("study", "site"),
)
HISTORY_SERIES = (SITE_TARGET, SITE_TARGET_BY_NOW, SITE_ACTIVITY, SITE_RETRACTED)
"""Series beside the tables that have a history."""

HISTORY_PREFIX = "study_history_"
"""History has series of its own, at their true time, one sample per UTC day (design.md 7)."""


def history_name(metric: str) -> str:
    """The name under which the daily history of `metric` is kept."""
    return HISTORY_PREFIX + metric.removeprefix("study_")


POOL_QUANTILES = ("0.25", "0.5", "0.75")
POOL_SITES = 5
"""Fewer sites than this are no pool: everybody would know who stands where."""


def pool_series(table: Table) -> Series | None:
    """The unnamed pool of a table: below what number a share of the sites stands; None for histograms."""
    if table.kind is Kind.HISTOGRAM:
        return None
    name = "study_pool_" + table.metric.removeprefix("study_")
    text = f"Published number up to which this share of the sites lies, of at least {POOL_SITES} sites that show it."
    return Series(name, f"{text} {table.help}", ("study", "quantile", *table.labels))


def total_series(table: Table) -> tuple[Series, Series, Series, Series, Series]:
    """The consortium's totals of a table: value, lower and upper bound, sites in it, oldest release.

    `total` is `current` (without sites that are silent, paused or frozen for long) or `last_known`.
    """
    name = "study_consortium_" + table.metric.removeprefix("study_")
    labels = ("study", "total", *table.labels)
    whole = ("study", "total", *((table.per,) if table.per else ()))
    return (
        Series(name, f"Sum of the published numbers of all sites. {table.help}", labels),
        Series(f"{name}_lower", f"Least that the sites together can have had at their last releases. {table.help}", labels),
        Series(f"{name}_upper", f"Most that the sites together can have had at their last releases. {table.help}", labels),
        Series(f"{name}_sites", f"Sites whose published numbers the total holds. {table.help}", labels),
        Series(f"{name}_oldest_release_timestamp_seconds", f"Grid time of the oldest release in the total. {table.help}", whole),
    )
