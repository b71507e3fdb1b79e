"""`python -m rtb_optimizer`, or `rtb`.

app         the command line
catalog     migrate, seed, export the DAG list, reconcile
logs        look at logs that no entity reads yet
entities    list, show, add, pause, resume
config      get and set configuration
macros      list and set the ad macro of a column
runs        run, list, show, explain, activate, roll back
diff        compare two runs
live        outcomes of the tables that were live
challenge   open a challenger, promote or drop it
rebuild     make a run again, and compare it
what_if     try other values, without saving them
upkeep      retention, audit, deliveries
doctor      checks of the environment
completion  names for shell completion
terminal    tables and JSON on the terminal
"""
