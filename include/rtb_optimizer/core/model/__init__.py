"""The factor model: expected outcomes of a row are a base times one factor per value.

link         the log and the logit link
fit          gamma-Poisson factors, fitted in order
priors       what factors shrink to, and how strongly
pooling      what other entities have in common on a feature's values
calibration  the slope that the hold-out gives the factors
"""
