"""The statistics that teachers' batch norms use."""

TEACHER_BN = ("running", "batch")
"""The statistics that were saved with a teacher, or those of the images that it labels."""
