"""What a Kaapana platform knows beyond its archive and its Airflow."""
