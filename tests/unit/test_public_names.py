"""Names that are loaded when they are asked for are all there, and no others."""

import subprocess
import sys

import pytest

import schedproof
import schedproof_spec


@pytest.mark.parametrize("package", [schedproof, schedproof_spec], ids=lambda package: package.__name__)
def test_every_public_name_is_found(package) -> None:
    assert len(set(package.__all__)) == len(package.__all__)
    assert all(getattr(package, name) is not None for name in package.__all__)
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'nothing'"):
        _ = package.nothing


def test_each_has_its_home() -> None:
    assert set(schedproof_spec.HOMES) == set(schedproof_spec.__all__)


@pytest.mark.parametrize("package", ["schedproof", "schedproof_spec"])
def test_a_fresh_process_can_take_all_of_them_at_once(package: str) -> None:
    words = f"from {package} import *; import sys; print(*sorted(n for n in dir() if not n.startswith('__')))"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    public = {name for name in sys.modules[package].__all__ if not name.startswith("__")}
    assert set(done.stdout.split()) - {"sys"} == public
