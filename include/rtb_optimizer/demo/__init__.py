"""The demonstration: seeded logs, the nightly runs of three entities, what came out.

world    the synthetic logs
content  entities and logs
shown    what is printed
"""
