"""Chapters on your own data: the same notebooks, run on each source with each model."""

from medsam.chapters.chapter import PREFIX, Chapter, chapters, readers
from medsam.chapters.making import contents, rules, write
from medsam.chapters.moved import moved

__all__ = ["PREFIX", "Chapter", "chapters", "contents", "moved", "readers", "rules", "write"]
