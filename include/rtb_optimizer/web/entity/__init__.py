"""Pages of entities.

list           all entities, sorted, filtered, paged
new            look at logs, add an entity for them
page           one entity: the active run, its runs, its history
live           the results of its tables after they went live
trends         the last runs as plots; trend_charts draws them
config         the form of its configuration
what_if        tries the form's values without saving them
challenger     open a challenger, promote or drop it
activation     activate or roll back, with a preview
pointer_moves  the redirect after a move of the pointer, and its refusal by the store
"""
