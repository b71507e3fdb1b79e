"""The rows that selection and fitting work on.

sample      rows as arrays: exposure, outcome, spend, fold, features as codes; how rows are split
numbering   integers and days renumbered from 0 without gaps
counts      exact sums of some rows of the logs
rows        outcomes by row of the logs, whatever a row weighs
hashes      hashes of rows by many columns at once
lists       the elements of list-valued columns
values      canonical values, and the escaping of segment keys
drift       how the values of a feature have shifted between two windows
crossing    features of several features: interactions
objective   the predicted quantity: events, or money as effective events
value_maps  our values to another system's ids
"""
