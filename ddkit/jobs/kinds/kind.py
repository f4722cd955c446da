"""The contract of a kind of data. There are two kinds, images and graphs, and every job runs through it.

A `Kind` makes recipes and answers jobs; a `Work` is one run, laid out: its data are loaded, and its method can be made.
"""
