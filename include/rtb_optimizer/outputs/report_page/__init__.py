"""The report of a run as one self-contained HTML page.

page        the page from the report document
sentences   what the figures mean, in words
gates       the gates and their limits
charts, inline_svg  charts as SVG in the page
formatting  numbers, shares and times as text
"""
