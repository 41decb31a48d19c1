"""Workflow runs as Airflow's stable REST API tells them: v1 of 2.x and v2 of 3.x."""
