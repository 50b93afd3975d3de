"""What the notebooks share, and the notebooks of a study."""
