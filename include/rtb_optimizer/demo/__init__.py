"""Seeded synthetic logs, and the demonstration that turns them into active runs."""
