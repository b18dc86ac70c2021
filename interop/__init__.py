"""`make interop`: other people's programs on both sides of the site, unmodified, as they are published now.

Not part of the suite: it downloads hundreds of megabytes, and what it shows changes with
each of their releases.
"""
