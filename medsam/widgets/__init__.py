"""Widgets of the book: anywidget classes, with their ``.js`` and ``.css`` beside them.

All logic is in the JavaScript and all data in the synced traits, so that a widget works in
a notebook and, without a kernel, in the published page.
"""
