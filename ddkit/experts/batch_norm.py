"""Which statistics teachers' batch norms run under."""

TEACHER_BN = ("running", "batch")
"""The statistics that a teacher was saved with, or those of the images that it labels."""
