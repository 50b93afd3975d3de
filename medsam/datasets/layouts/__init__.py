"""How each of the 19 datasets lies on disk, in its official form, and one's own data."""
