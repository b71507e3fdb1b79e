"""Pages of entities.

list        all entities, sorted, filtered, paged
page        one entity: the active run, its runs, its history
live        what came of its tables after they went live
trends      the last runs as plots; trend_charts draws them
config      the form of its configuration
what_if     tries the form's values without saving them
challenger  open a challenger, promote or drop it
activation  activate or roll back, with a preview
"""
