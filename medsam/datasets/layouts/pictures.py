"""To be written."""

from medsam.datasets.layouts.layout import Layout

LAYOUTS: tuple[Layout, ...] = ()
