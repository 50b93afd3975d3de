"""Icons drawn into pages; pictures with their size, and smaller."""

import pytest
from lean import SCRIPT, draw_icons, lighten
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
    for kinds, drawing in (
        ("fas fa-navicon", "M0 96"),
        ("far fa-bars", "regular"),
        ("fa-brands fa-bars", "brand"),
    ):
        assert f'd="{drawing}"' in draw_icons(f'<i class="{kinds}"></i>', script, "a.html")
    with pytest.raises(InputError, match=r"No icon 'gone' in fas of fontawesome\.js.*version"):
        draw_icons('<i class="fas fa-gone"></i>', script, "a.html")


def test_a_page_becomes_lighter(tmp_path, script):
    images = tmp_path / "_images"
    images.mkdir()
    noise = Image.effect_noise((64, 48), 90).convert("RGB")
    drawn = "a" * 64
    for name in (drawn, "logo"):
        noise.save(images / f"{name}.png")
    page = tmp_path / "one.html"
    marks = [f'<img alt="x" src="_images/{name}.png"/>' for name in (drawn, "logo", "gone")]
    page.write_text("".join(marks))
    lighten(tmp_path)
    made = page.read_text()
    full = [
        f'<a class="medsam-full" href="_images/{name}" title="Open the figure in full size">'
        f'<img width="64" height="48" alt="x" src="_images/{name}"/></a>'
        for name in (f"{drawn}.avif", "logo.png")
    ]
    assert made == f"{full[0]}{full[1]}{marks[2]}"
    assert (images / f"{drawn}.avif").stat().st_size < (images / "logo.png").stat().st_size


def test_a_narrow_screen_has_the_drawing_that_lies_beside_the_table(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a-narrow.svg").write_text('<svg width="30pt" height="60pt"/>')
    page = tmp_path / "one.html"
    figure = '<figure><img src="x.svg"/><a href="data/{}.csv">data</a></figure>'
    page.write_text(figure.format("a") + figure.format("b"))
    for _ in range(2):  # also where it was done before
        lighten(tmp_path)
        narrow = 'srcset="data/a-narrow.svg" width="40" height="80"><img src="x.svg"/></picture>'
        made = page.read_text()
        assert made.count("<picture>") == 1
        assert f'<picture><source media="(max-width: 720px)" {narrow}' in made
        assert figure.format("b") in made


def test_mathjax_is_loaded_where_there_are_formulas(tmp_path):
    head = """<script src="a.js"></script>
    <script>window.MathJax = {"options": {}}</script>
    <script defer="defer" src="../_static/../mathjax/tex-chtml.js?v=2"></script>
    <link rel="preload" as="font" href="../mathjax/output/MathJax_Zero.woff">"""
    with_formula = f'{head}<span class="math notranslate">x</span>'
    for name, page in (("plain", head), ("formula", with_formula)):
        (tmp_path / f"{name}.html").write_text(page)
    lighten(tmp_path)
    assert (tmp_path / "plain.html").read_text() == '<script src="a.js"></script>'
    assert (tmp_path / "formula.html").read_text() == with_formula
