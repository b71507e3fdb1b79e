"""Pages of a run.

page           the run: the decision first
view           what the pages of a run share
findings       features, rejections and warnings
segments, segment_table  the segments, sorted, filtered and paged
config         the snapshot
outputs        its objects
"""
