"""The fields that ad platforms accept, and the values of each.

column     the type of a platform's field with its value space; the platforms that have an export
countries  the codes of countries, of two letters and of three
beeswax    the fields of a Beeswax bid model
bonsai     the features of a Xandr Bonsai tree
prebid     the fields of Prebid's price floors
fields     the column of a field, for any platform
clocks     whether an hour column is by the clock of a field
spelling   a sample's values as a platform spells them
"""
