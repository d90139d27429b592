"""What the command line says of itself."""

import json
import re

import pytest

from tests.lib.build import ROOT

pytestmark = pytest.mark.any_user

COMMANDS = """mount umount run init trace trust status log clock since wait why deps reload get-sockname doctor upgrade version help
schema""".split()


def manual(name):
    return (ROOT / "docs" / name).read_text().replace("\\", "")


def test_overview_lists_every_command(cli):
    text = cli("help").stdout
    assert cli("--help").stdout == text
    listed = re.findall(r"^  ([a-z-]+) {2,}\S", text.split("Commands:")[1], re.MULTILINE)
    assert listed == COMMANDS


def test_nothing_is_a_usage_error_that_teaches(cli):
    done = cli(status=2)
    assert done.stdout == ""
    assert "hrfs run -- " in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(cli, command):
    text = cli("help", command).stdout
    assert cli(command, "--help").stdout == text
    assert text.startswith(f"Usage: hrfs {command}")
    assert "Options:" in text
    if command not in ("version", "help"):
        assert re.search(rf"^  .*\bhrfs {command}\b", text, re.MULTILINE), "no example"
        if command != "schema":
            assert "Exit status:" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_manual_page_has_each_command_and_option(cli, command):
    page = manual("hrfs.1.scd")
    assert re.search(rf"^\*{command}\*", page, re.MULTILINE)
    for letter, name in re.findall(r"^  (?:-(.), |    )--([a-z-]+)", cli("help", command).stdout, re.MULTILINE):
        if name == "help":
            continue
        assert f"*--{name}*" in page, name
        if letter:
            assert re.search(rf"\*-{letter}\*.{{0,20}}\*--{name}\*", page), f"-{letter}"


def test_manual_page_of_the_file_has_each_key(cli):
    page = manual("hrfs.yaml.5.scd")
    keys = [line.split("\t") for line in cli("schema", "--keys").stdout.splitlines()]
    assert len(keys) > 10
    for name, kind, text in keys:
        assert f"*{name}*: _{kind}_\n\t{text}\n" in page, name


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_option(cli, command):
    done = cli(command, "--no-such-thing", status=125 if command in ("run", "trace") else 2)
    assert done.stdout == ""
    assert "--no-such-thing" in done.stderr
    assert f"hrfs help {command}" in done.stderr


def test_nearest(cli):
    assert "hrfs umount" in cli("unmount", status=2).stderr
    assert "--json" in cli("status", "--jsn", status=2).stderr
    assert "hrfs help" in cli("frobnicate", status=2).stderr
    assert cli("help", "frobnicate", status=2).stdout == ""


def test_words_and_values(cli):
    assert "too few" in cli("mount", status=2).stderr
    assert "one word too many" in cli("mount", "a", "b", "c", status=2).stderr
    assert "wants a value" in cli("wait", "--timeout", status=2).stderr
    assert "such as 30s" in cli("wait", "--timeout", "soon", status=2).stderr
    assert "takes no value" in cli("status", "--json=yes", status=2).stderr
    assert "number" in cli("log", "-n", "many", status=2).stderr
    assert "is no clock" in cli("wait", "yesterday", status=2).stderr


def test_version(cli):
    text = cli("version").stdout
    assert re.fullmatch(r"hrfs \d+\.\d+\.\d+\n", text)
    assert cli("--version").stdout == text
    assert cli.json("version")["version"] == text.split()[1]


def test_schema_is_one(cli):
    schema = json.loads(cli("schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert "services" in schema["properties"]


@pytest.mark.parametrize("args", [("clock",), ("since", "c:1:1:1:1"), ("wait",), ("why",), ("reload",), ("log",), ("umount",), ("get-sockname",)])
def test_outside_of_any_mount(cli, tree, args):
    done = cli(*args, cwd=tree.src, status=3)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "hrfs mount" in done.stderr


def test_status_without_mounts(cli, tree):
    assert cli("status", tree.src, status=3).stderr
    assert "here" in cli.json("status", cwd=tree.src)


def test_output_that_cannot_be_written(cli):
    with open("/dev/full", "w") as full:
        import subprocess

        from tests.lib import build

        done = subprocess.run([build.HRFS, "help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr


def test_colour_on_terminals_only(cli, start):
    from tests.lib import build

    plain = start(build.HRFS, "mount", "/nowhere/at/all")
    assert plain.wait() == 1
    assert "\033" not in plain.output()
    shown = start(build.HRFS, "mount", "/nowhere/at/all", terminal=True, env={"TERM": "xterm"})
    assert shown.wait() == 1
    assert "\033[1;31mhrfs:\033[0m" in shown.output()
    for env in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}):
        shown = start(build.HRFS, "mount", "/nowhere/at/all", terminal=True, env=env)
        assert shown.wait() == 1
        assert "\033" not in shown.output()
