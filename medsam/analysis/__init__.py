"""Statistics and comparisons of result rows and of the published tables."""
