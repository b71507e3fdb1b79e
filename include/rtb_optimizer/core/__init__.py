"""The optimizer's pure logic: only numpy, the standard library and croniter; no file, no clock, no network.

sample/     the drawn rows as arrays, canonical values, crossed features, the predicted quantity
model/      factors by shrinkage, what they shrink to, the link, the calibration slope
selection/  signal scores, leaks, rejections, interactions, the greedy search
table/      from factors to rows, bids, the joint table, evaluation on the hold-out, comparison of tables
macros/     dialects, combos, expansion, routes through macros, round-trip tests of look-ups
platforms/  the fields that ad platforms accept, and their values
decision/   activation and its gates, warnings, alerts, retention
realized/   results of the live tables: lift over a control arm at every look, the verdict on a policy
config/     config keys, their rules, typed settings, windows, currencies
"""
