"""The table of metrics: name, type, labels, meaning, and what to do about each.

What an agent registers and the page `docs/metrics.md` are both made from it. Every metric has the
label ``agent``; none has a label with as many values as there are calls.
"""
