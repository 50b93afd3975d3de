"""Icons drawn into pages; pictures with their size, and smaller."""

import pytest
from lean import SCRIPT, draw_icons, lighten
from pictures import size, with_sizes
from PIL import Image

from medsam.errors import InputError

# As Font Awesome's: a pack after the other, each handed over under its name.
PACKS = (
    'a={"bars":[1,1,[],"f1","brand"]};b("fab",a);'
    'a={bars:[2,2,[],"f2","regular"]};b("far",a);'
    'a={bars:[448,512,["navicon"],"f0c9","M0 96"],"circle-half-stroke":[512,512,'
    '[9680,"adjust"],"f042","M448 256"]};b("fas",a);'
)


@pytest.fixture
def script(tmp_path):
    path = tmp_path / SCRIPT
    path.parent.mkdir(parents=True)
    path.write_text(PACKS)
    return path


def test_icons_become_drawings(script):
    page = '<i class="theme-switch fa-solid fa-bars   fa-lg" data-mode="light" title="Light"></i>'
    assert draw_icons(page, script, "a.html") == (
        '<svg class="medsam-icon theme-switch fa-solid fa-bars   fa-lg" data-mode="light" '
        'viewBox="0 0 448 512" aria-hidden="true"><path fill="currentColor" d="M0 96"/></svg>'
    )
    drawings = {
        "fas fa-navicon": "M0 96",
        "fas fa-circle-half-stroke": "M448 256",
        "far fa-bars": "regular",
        "fab fa-bars": "brand",
        "fa-brands fa-bars": "brand",
    }
    for kinds, drawing in drawings.items():
        assert f'd="{drawing}"' in draw_icons(f'<i class="{kinds}"></i>', script, "a.html")
    with pytest.raises(InputError, match=r"No icon 'gone' in fas of fontawesome\.js.*version"):
        draw_icons('<i class="fas fa-gone"></i>', script, "a.html")
    with pytest.raises(InputError, match=r'a\.html has the icon <i class="fal fa-bars">'):
        draw_icons('<i class="fal fa-bars"></i>', script, "a.html")


def test_sizes(tmp_path):
    file = tmp_path / "a.svg"
    file.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="1in"/>')
    assert size(file) == (96, 96)
    file.write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>')
    assert size(file) is None


def test_a_page_becomes_lighter_once(tmp_path, script):
    images = tmp_path / "_images"
    images.mkdir()
    noise = Image.effect_noise((64, 48), 90).convert("RGB")
    noise.save(images / f"{'a' * 64}.png")
    noise.save(images / "logo.png")
    page = tmp_path / "notebooks" / "one.html"
    page.parent.mkdir()
    marks = [f'<img alt="x" src="../_images/{name}.png"/>' for name in ("a" * 64, "logo", "gone")]
    marks.append('<img width="9" src="../_images/logo.png">')
    page.write_text("".join(marks))
    lighten(tmp_path)
    made = page.read_text()
    assert f'<img width="64" height="48" alt="x" src="../_images/{"a" * 64}.avif"/>' in made
    assert '<img width="64" height="48" alt="x" src="../_images/logo.png"/>' in made
    assert made.endswith("".join(marks[2:]))
    before, after = (images / f"{'a' * 64}{kind}" for kind in (".png", ".avif"))
    assert after.stat().st_size < before.stat().st_size
    with Image.open(after) as picture:
        assert picture.size == (64, 48)
    time = page.stat().st_mtime_ns
    lighten(tmp_path)
    assert page.stat().st_mtime_ns == time
    assert with_sizes(made, page.parent) == made
