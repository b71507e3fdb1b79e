"""The report of a run as one self-contained HTML page.

page        the page from the report document
answers     what the first screen answers: what changed, why, is it safe
sentences   what the figures mean, in words
gates       the gates and their limits
charts, inline_svg  charts as SVG in the page
formatting  numbers, shares and times as text
"""
