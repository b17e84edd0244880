"""What `pip install` brings: three packages, the front end, one version, and no need for Node."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUNDLE = "share/jupyter/labextensions/codecast-jupyter"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git has, and beside it the front end as it was built last."""
    copy = tmp_path_factory.mktemp("checkout")
    files = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    kept = [name for name in files if name and (ROOT / name).is_file()]
    for name in [*kept, *built_files()]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    return copy


def built_files() -> list[str]:
    bundle = ROOT / "codecast_jupyter" / "labextension"
    return [str(path.relative_to(ROOT)) for path in bundle.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built where no program called node, npm or jlpm can be found."""
    out = tmp_path_factory.mktemp("wheel")
    bare = tmp_path_factory.mktemp("bin")
    env = {**os.environ, "PATH": str(bare)}
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    done = subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("*.whl"))


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_top_level_holds_our_three_packages_and_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in names(wheel)}
    packages = {top for top in tops if not re.search(r"\.(dist-info|data)$", top)}
    assert packages == {"codecast_agent", "codecast_bots", "codecast_jupyter"}


def test_sources_that_travel_to_machines_are_in_the_wheel(wheel: Path) -> None:
    agent = ROOT / "remote_agent"
    there = subprocess.check_output(
        ["git", "ls-files", "remote_agent/codecast_agent"], cwd=ROOT, text=True
    ).split()
    wanted = {str((ROOT / name).relative_to(agent)) for name in there if (ROOT / name).is_file()}
    assert "codecast_agent/protocol/events.py" in wanted
    assert wanted <= set(names(wheel))


def test_data_files_of_the_api_are_in_the_wheel(wheel: Path) -> None:
    assert "codecast_jupyter/api/openapi.yaml" in names(wheel)
    assert any(name.startswith("codecast_jupyter/api/event_schemas/") for name in names(wheel))


def test_page_code_of_the_widgets_is_in_the_wheel(wheel: Path) -> None:
    static = Path("codecast_jupyter/notebook/widgets/static")
    wanted = {str(static / path.name) for path in (ROOT / static).iterdir()}
    assert len(wanted) > 4 and wanted <= set(names(wheel))


def test_front_end_and_server_config_are_where_jupyter_looks(wheel: Path) -> None:
    found = names(wheel)
    data = next(name.split("/")[0] for name in found if ".data/" in name) + "/data"
    assert f"{data}/{BUNDLE}/package.json" in found
    assert f"{data}/{BUNDLE}/static/style.js" in found
    assert f"{data}/{BUNDLE}/install.json" in found
    assert f"{data}/etc/jupyter/jupyter_server_config.d/codecast_jupyter.json" in found
    assert not any(name.startswith("codecast_jupyter/labextension/") for name in found)


def test_tests_and_lock_files_stay_at_home(wheel: Path) -> None:
    assert not [name for name in names(wheel) if "/tests/" in name or name.endswith(".lock")]


def test_version_is_written_in_one_place(wheel: Path) -> None:
    package = json.loads((ROOT / "labextension" / "package.json").read_text())
    assert wheel.name.split("-")[1] == package["version"]
    with zipfile.ZipFile(wheel) as archive:
        made = archive.read("codecast_jupyter/_version.py").decode()
    assert f'"{package["version"]}"' in made.replace("'", '"')


def test_installed_wheel_is_found_by_server_and_lab_without_node(
    wheel: Path, tmp_path: Path
) -> None:
    """Its dependencies come from this environment; the wheel itself from its file alone."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    site = next(home.glob("lib/python*/site-packages"))
    # the pip of this environment works on that one: `--prefix` would uninstall what is here
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python")]
    subprocess.run(
        [*pip, "install", "-q", "--no-deps", "--no-index", wheel],
        check=True,
        env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"},
    )
    installed = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    (site / "dependencies.pth").write_text(f"{installed}\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    env |= {"PATH": str(home / "bin"), "HOME": str(tmp_path), "PYTHONNOUSERSITE": "1"}

    def ask(*arguments: str) -> str:
        command = [str(home / "bin" / "python"), "-I", *arguments]
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return re.sub(r"\x1b\[\d+m", "", done.stdout + done.stderr)

    assert str(home) in ask("-c", "import codecast_jupyter as c; print(c.__file__)")
    servers = ask("-c", "from jupyter_server.extension.serverextension import main; main(['list'])")
    assert re.search(r"codecast_jupyter.*\bOK\b", servers), servers
    labs = ask("-c", "from jupyterlab.labextensions import main; main(['list'])")
    assert re.search(r"codecast-jupyter v[\d.]+.*OK", labs), labs
    assert str(home / "bin" / "codecast") in ask(
        "-c", "import shutil; print(shutil.which('codecast'))"
    )
