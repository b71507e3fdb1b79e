"""Ad macros: how the features of a table are spelled in the URLs of a platform, and read back.

dialect     the delimiters, case and encoding of a format; its templates; its gap policies
combo       the ordered macro combo of a run's features in a format
expansion   the text that a macro expands to for a value
route       how a combo is split again, and which table key it leads to
round_trip  the proof, on sampled rows, that look-ups through macros find what the values find
lint        values and templates that nearly are a macro
"""
