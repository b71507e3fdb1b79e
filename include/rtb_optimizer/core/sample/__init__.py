"""The rows that selection and fitting work on.

sample      rows as arrays: exposure, outcome, spend, fold, features as codes; how rows are split
values      canonical values, and the spelling of segment keys
crossing    features of several features: interactions
objective   what is predicted, events or money, and in which unit
value_maps  our values to another system's ids
"""
