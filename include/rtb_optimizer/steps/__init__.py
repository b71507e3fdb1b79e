r"""The nightly run, one module a task, named as the task.

create_run -> wait_for_logs -> select_features -> build_segments -> write_outputs -> activate_run
                                              \-> map_ad_macros --^
                                              \-> measure_live -> run_challenger

run_challenger follows activate_run, too: it makes the run of a challenger, where one is open. Only ids and counts are
returned, and every step may run twice, even at the same time.
in_process runs the same steps in one process, without Airflow.
"""
