"""The master table compiled for ad platforms, one module a platform.

plain          CSV for your own bidder
prebid_floors  Prebid price floors
lookup_tables  Xandr lookup tables
beeswax        Beeswax bid models
bonsai         Xandr Bonsai trees
export, keyed_table, compiled, columns, lossiness   the type of an export, its table, how it is compiled, what it loses
"""
