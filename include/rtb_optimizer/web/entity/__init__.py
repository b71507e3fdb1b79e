"""Pages of entities.

list        all entities, sorted, filtered, paged
page        one entity: what is active, its runs, its history
config      its configuration, edited in place
activation  activate or roll back, with a preview
"""
