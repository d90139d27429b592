"""hrfs init, and what hrfs run says where nothing can be derived."""

import os

import pytest

pytestmark = pytest.mark.any_user


def test_takes_over_watchexec(cli, tree):
    cli("init", "--", "watchexec", "-e", "py", "-r", "python", "app.py", cwd=tree.src)
    assert (tree.src / "hrfs.yaml").read_text().splitlines()[1:] == [
        "services:",
        "  src: # watchexec",
        "    run: python app.py",
        "    watch: ['*.py']",
    ]


def test_a_command_is_taken_apart(cli, tree):
    done = cli("init", "--", "go", "run", "./cmd/api", "-v", cwd=tree.src)
    assert "    build: go build -o .hrfs/src ./cmd/api\n    run: .hrfs/src -v\n" in done.stdout
    assert ".gitignore" in done.stderr
    assert (tree.src / ".hrfs" / ".gitignore").read_text() == "*\n!.gitignore\n"


def test_another_directory(cli, tree):
    (tree.src / "Procfile").write_text("web: ./server\n")
    cli("init", "--source", tree.src, cwd="/")
    assert "run: ./server" in (tree.src / "hrfs.yaml").read_text()


@pytest.mark.parametrize(
    "files, words, status, says",
    [
        ({}, [], 2, "say what to run: hrfs init -- COMMAND"),
        ({}, ["--"], 2, "a command is wanted"),
        ({}, ["--", "watchexec", "--frobnicate", "x"], 1, "'--frobnicate' is not understood"),
        ({".air.toml": "[build]\ncmd = x\n"}, [], 1, ".air.toml:2: 'x' is no value"),
        ({"package.json": "{"}, [], 1, "package.json: no JSON"),
        ({}, ["--source", "/no/such"], 1, "/no/such: No such file"),
        ({}, ["x"], 2, "x"),
    ],
)
def test_refused(cli, tree, files, words, status, says):
    for name, text in files.items():
        (tree.src / name).write_text(text)
    assert says in cli("init", *words, cwd=tree.src, status=status).stderr
    assert not (tree.src / "hrfs.yaml").exists()


def test_says_where_the_project_is(cli, tree):
    (tree.src / "go.mod").write_text("module x\n")
    (tree.src / "main.go").write_text("package main\n")
    inner = tree.src / "cmd"
    inner.mkdir()
    for word, status in (("init", 2), ("run", 125)):
        says = cli(word, cwd=inner, status=status).stderr
        assert f"there is a go.mod above: hrfs {word} --source {tree.src}" in says


def test_a_place_that_cannot_be_written_to(user_cli, tree):
    (tree.src / "Procfile").write_text("web: ./server\n")
    tree.src.chmod(0o555)
    if user_cli.user is not None:
        os.chown(tree.src, 0, 0)
    try:
        assert "Permission denied" in user_cli("init", cwd=tree.src, status=1).stderr
    finally:
        tree.src.chmod(0o755)


def test_a_broken_file_starts_nothing(cli, tree):
    (tree.src / "Cargo.toml").write_text("[package\n")
    assert "Cargo.toml:1: " in cli("run", cwd=tree.src, status=125).stderr
    assert not cli.is_mounted(tree.src)
