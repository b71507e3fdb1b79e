"""Makes a run again from its capsule, and compares what comes out byte by byte.

findings     the differences from the run's record, by name
source       the record of the run: in this catalog, or in a file that was exported
export       that file
inputs       which objects that the run read are gone or changed
scratch      where it is made again: a catalog and a prefix of its own
comparison   published files and rows against those that were made again
rebuild      all of it
"""
