"""What the notebooks share, and the book of your own data."""
