"""Pages of a run.

page           the run in tabs, the decision first
view           the run of a page, and the run it is compared with
findings       the content of the tabs: decision, features, macros, outputs
segments, segment_table  the segments, sorted, filtered and paged
config         the configuration of the run
lineage        what it read, what it wrote, and who made it active
outputs        its objects, read, verified and cached
"""
