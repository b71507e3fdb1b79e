"""Decisions, pure: only numpy, the standard library and croniter; no file, no clock, no network.

sample/     the drawn rows as arrays, canonical values, crossed features, what is predicted
model/      factors by shrinkage, the link, the calibration slope
selection/  signal scores, leaks, rejections, interactions, the greedy search
table/      from factors to rows, bids, the joint table, evaluation on the hold-out, comparison of tables
macros/     dialects, combos, expansion, routes through macros, the proof that look-ups work
platforms/  the fields that ad platforms know, and the values they take
decision/   activation and its gates, warnings, alerts, retention
config/     config keys, their rules, typed settings, windows, currencies
"""
