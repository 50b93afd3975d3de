"""What every page of the site keeps to: one host, and readers who do not see or point."""

from __future__ import annotations

from pathlib import Path

import pytest
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).parents[2]
PAGES = list(parse_toc_yaml(ROOT / "_toc.yml"))
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"

pytestmark = pytest.mark.book

ELSEWHERE = """() => new Promise((done) => {
  document.addEventListener("securitypolicyviolation", (e) => done(e.effectiveDirective));
  fetch("http://localhost:9/elsewhere").then(() => done("went"), () => setTimeout(done, 2000));
})"""


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(site, watch, name):
    for scheme in ("light", "dark"):
        page = watch(site, 1280, scheme).open(f"{name}.html")
        # Colours are those of a page that has come to rest.
        page.add_style_tag(content="* { transition: none !important; animation: none !important }")
        page.wait_for_load_state("networkidle")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run().then((result) => result.violations)")
        told = [
            (one["id"], one["impact"], [node["html"][:200] for node in one["nodes"]][:3])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert told == [], f"{name}, {scheme}"


@pytest.mark.parametrize("name", [*PAGES, "search", "genindex"])
def test_policy(site, watch, name):
    page = watch(site).open(f"{name}.html")
    policy = page.locator("meta[http-equiv='Content-Security-Policy']").get_attribute("content")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'self'"
    assert "http" not in policy
    assert "blob:" not in rules["script-src"]
    # WebAssembly may be compiled, text may not.
    assert "'wasm-unsafe-eval'" in rules["script-src"]
    assert "'unsafe-eval'" not in policy


def test_a_request_to_another_host_does_not_leave(site, watch):
    page = watch(site).open(f"{PAGES[0]}.html")
    assert page.evaluate(ELSEWHERE) == "connect-src"
