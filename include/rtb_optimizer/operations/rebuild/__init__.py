"""Makes a run again from its capsule, and compares what comes out byte by byte.

findings     what keeps a run from being the same, by name
source       what is known of the run: in this catalog, or in a file that was exported
export       that file
inputs       what has become of the objects that the run read
scratch      where it is made again: a catalog and a prefix of its own
comparison   published files and rows against those that were made again
rebuild      all of it
"""
