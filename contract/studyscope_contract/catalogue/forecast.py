"""Series of the centre's forecast: patients to come, and the day of a target (docs/forecast.md)."""

from studyscope_contract.metric import Series

DATES = ("earliest", "likely", "latest")
SITE_TARGET = Series(
    "study_site_forecast_target_timestamp_seconds",
    "When the site reaches its target, by its pace: four times out of five between earliest and latest. "
    "Absent where that is more than five years ahead.",
    ("study", "site", "bound"),
)
DAYS = (0, 30, 60, 90, 120, 180, 240, 300, 360)
BOUNDS = ("lower", "middle", "upper")
PATIENTS = Series(
    "study_forecast_patients",
    "Patients in so many days at the pace of the sites that show a number: four times out of five between lower and upper.",
    ("study", "days", "bound"),
)
TARGET = Series(
    "study_forecast_target_timestamp_seconds",
    "When the sites together reach the sum of their targets: four times out of five between earliest and latest. "
    "Absent where that is more than five years ahead.",
    ("study", "bound"),
)
