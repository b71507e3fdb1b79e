"""What tasks hand over and what a run publishes as JSON: frozen types, each written and read here alone.

document   the base: how a document becomes bytes, and bytes a document
folders    what wait_for_logs hands over about folders
lake       what wait_for_logs hands over about tables of a lake
logs       what the logs were: sums by day, wins and events of logs of their own, objects
selection  what select_features hands over, and the `features` output
pooled     the `pooled` output: what other entities have in common
live       what select_features counted of the tables that were live
replay     policies replayed by logged prices
groups     who gains and who pays for it, by value
tables     what build_segments hands over about the tables
macros     the `ad_macros` output, and how look-ups through it end
exports    what build_segments hands over about the exports
changes    what differs between two runs
explanation  the explanation of a bid
realized   results of the active policy
report     the `report` output
manifest   the `manifest` output
capsule    the `capsule` output: everything that made a run
"""
