"""What comes in from outside: files and folders with arbitrary damage, missing and extra parts.

The property, of every door. A reader gives what a slow, obvious reader gives, which is written beside the test and
reads one thing after another; or it raises one `DDKitError` of one line, and then the slow reader refuses the data too.
It never raises anything else, never waits for ever, and ignores no part silently. Where the bytes of a file
were damaged, it may refuse what the slow reader could still read, but it gives nothing else.

Hypothesis draws the inputs, the same ones at every run.
"""
