"""The fields that ad platforms accept, and the values of each.

column   the type of a platform's field; the platforms that have an export
beeswax  the fields of a Beeswax bid model
bonsai   the features of a Xandr Bonsai tree
"""
