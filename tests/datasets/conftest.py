"""What the tests of the readers share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real public images beside a checkout of the developers; tests of them skip elsewhere."""
    path = Path(__file__).parents[2].parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the real test images are not here")
    return path
