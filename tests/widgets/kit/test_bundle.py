"""Modules of a widget become one."""

import pytest

from medsam.errors import InputError
from medsam.widgets.kit.bundle import bundle


def test_a_bundle_holds_each_module_once_and_before_its_use(tmp_path):
    (tmp_path / "a.js").write_text("export const one = 1;\n")
    (tmp_path / "b.js").write_text('import { one } from "./a.js";\nexport const two = one + one;\n')
    imports = 'import { one } from "./a.js";\nimport { two } from "./b.js";\n'
    (tmp_path / "main.js").write_text(imports + "export default { one, two };\n")
    text = bundle(tmp_path / "main.js")
    assert text == "const one = 1;\n\nconst two = one + one;\n\nexport default { one, two };\n"


def test_bundles_that_cannot_be(tmp_path):
    (tmp_path / "main.js").write_text('import { x } from "./gone.js";\nconst y = 1;\n')
    with pytest.raises(InputError, match=r"No module 'gone\.js' in .*\. Allowed: main\.js\."):
        bundle(tmp_path / "main.js")
    (tmp_path / "gone.js").write_text("export const x = 1;\nfunction y() {}\n")
    with pytest.raises(InputError, match=r"main\.js and gone\.js both declare 'y'"):
        bundle(tmp_path / "main.js")
