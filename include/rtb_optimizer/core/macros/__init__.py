"""Ad macros: how the features of a table are written in the URLs of a platform, and read back.

dialect     the delimiters, case and encoding of a format; its templates; its gap policies
combo       the ordered macro combo of a run's features in a format
moments     instants in the forms of the platforms, and their hours
expansion   the text that a macro expands to for a value
route       how a combo is split again, and which table key it leads to
round_trip  a test on sampled rows: look-ups through macros against look-ups by the values
lint        values and templates that nearly are a macro
"""
