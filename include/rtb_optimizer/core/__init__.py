"""Decisions. Nothing here reads a file, a clock, a database or Airflow."""
