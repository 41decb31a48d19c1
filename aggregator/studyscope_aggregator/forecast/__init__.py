"""When a study will have its patients: pace and an 80 % interval, from published numbers only."""
