"""Decisions about a run that need no statistics.

activation     whether a run is activated, held or superseded; its gates; the validity of a table
volume         whether a window holds the rows that it should
silent_hours   hours without rows, or without outcomes
late_outcomes  last hours of a window whose outcomes are still to come
alerts         which events raise an alert, and its text
retention      which objects of past runs may be deleted
warning        the type of a warning
nearest        the name that was probably meant
"""
