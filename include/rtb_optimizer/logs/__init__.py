"""Which objects are a window's logs, and whether all of them are there.

partitions    the folders or files of a window, with their objects
completeness  what a folder lacks to be complete, by its markers
contents      what each file holds, and which files are no logs
layout        how logs are laid out, found by the names of their objects
lake          tables of a lake, of which a snapshot is read
folder_zone   the time zone at whose midnights the folders are cut
"""
