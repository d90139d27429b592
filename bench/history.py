"""A repository with a history, made from a seed: several Go services that share libraries, a C program, generated code,
files that are put in, configuration, tests, documents; and some hundred commits as people make them.

    python3 bench/history.py DIRECTORY [SEED]
"""

import random
import subprocess
import sys
from pathlib import Path

COMMITS = 200
SERVICES = ["api", "worker", "admin"]
LIBRARIES = ["auth", "cache", "clock", "db", "errs", "feed", "flags", "geo", "httpx", "ids", "jobs", "keys", "limits", "log",
             "mail", "money", "page", "pay", "queue", "rank", "search", "text", "trace", "users"]  # fmt: skip

MAIN = """package main

import (
	"fmt"
	"os"
	"time"
{imports}
)

func main() {{
	config, err := os.ReadFile("config/{name}.json")
	if err != nil {{
		panic(err)
	}}
	fmt.Println(len(config){uses})
	fmt.Println("up")
	time.Sleep(24 * time.Hour)
}}
"""
PACKAGE = "package {name}\n{imports}\n// {name} says {note}.\nfunc Word() string {{ return \"{word}\"{uses} }}\n"
MORE = "package {name}\n\n// {note}\nfunc part{number}() int {{ return {value} }}\n"
TEST = 'package {name}\n\nimport "testing"\n\nfunc TestWord(t *testing.T) {{\n\tif Word() == "{word}" {{\n\t\tt.Fail()\n\t}}\n}}\n'
WEB = 'package web\n\nimport "embed"\n\n//go:embed static\nvar Files embed.FS\n\nfunc Word() string { return "web" }\n'
GENERATE = """# schema/*.txt -> internal/model/model.go
mkdir -p internal/model
{
	echo 'package model'
	echo
	echo 'func Word() string { return "model" }'
	cat schema/*.txt | sed -n 's/^\\([a-z]*\\) \\([0-9]*\\)$/const F_\\1 = \\2/p'
} > internal/model/model.go.new
cmp -s internal/model/model.go.new internal/model/model.go || cp internal/model/model.go.new internal/model/model.go
rm internal/model/model.go.new
"""
C_MAIN = '#include "a.h"\n#include "b.h"\n#include <stdio.h>\n\nint main(void)\n{\n\tprintf("%d %d\\n", a(), b());\n\treturn 0;\n}\n'


class History:
    def __init__(self, top, seed):
        self.top, self.random, self.count = Path(top), random.Random(seed), 0
        self.uses = {}  # package -> those that it imports
        self.words = {}

    # ---- one file ----

    def write(self, name, text):
        file = self.top / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def word(self):
        self.count += 1
        return f"w{self.count}-{self.random.randrange(10**6)}"

    def package(self, name, note="a word"):
        uses = self.uses[name]
        imports = "".join(f'\nimport "example.org/shop/internal/{u}"\n' for u in uses)
        more = "".join(f" + {u}.Word()" for u in uses)
        text = PACKAGE.format(name=name, imports=imports, note=note, word=self.words[name], uses=more)
        self.write(f"internal/{name}/{name}.go", text)

    def main(self, name):
        uses = self.uses[f"cmd/{name}"]
        imports = "".join(f'\n\t"example.org/shop/{"" if u == "web" else "internal/"}{u}"' for u in uses)
        self.write(f"cmd/{name}/main.go", MAIN.format(name=name, imports=imports, uses="".join(f", {u}.Word()" for u in uses)))

    # ---- the first commit ----

    def begin(self):
        for i, name in enumerate(LIBRARIES):
            self.uses[name] = self.random.sample(LIBRARIES[:i], min(i, self.random.choice([0, 0, 1, 1, 2])))
            self.words[name] = self.word()
            self.package(name)
            self.write(f"internal/{name}/{name}_test.go", TEST.format(name=name, word=self.word()))
            self.write(f"internal/{name}/README.md", f"# {name}\n")
            for number in range(self.random.randrange(3)):
                text = MORE.format(name=name, note=self.word(), number=number, value=number)
                self.write(f"internal/{name}/part{number}.go", text)
        for name in SERVICES:
            some = self.random.sample(LIBRARIES, 5)
            self.uses[f"cmd/{name}"] = some + ["model"] + (["web"] if name == "admin" else [])
            self.main(name)
            self.write(f"config/{name}.json", f'{{"name": "{name}"}}\n')
        self.write("web/web.go", WEB)
        for name in ("index.html", "css/site.css", "js/app.js", "img/a/b/logo.svg"):
            self.write(f"web/static/{name}", f"{name}\n")
        for name in ("order", "user", "item"):
            self.write(f"schema/{name}.txt", f"# {name}\n{name} 1\n")
        self.write("schema/generate.sh", GENERATE)
        self.write("csrc/main.c", C_MAIN)
        for name in "ab":
            self.write(f"csrc/{name}.h", f"int {name}(void);\n")
            self.write(f"csrc/{name}.c", f'#include "{name}.h"\n\nint {name}(void)\n{{\n\treturn 1;\n}}\n')
        self.write("csrc/unused.h", "int unused(void);\n")
        self.write("go.mod", "module example.org/shop\n\ngo 1.19\n")
        self.write(".gitignore", "/bin/\n/internal/model/model.go\n")
        for name in ("README.md", "docs/start.md", "docs/deep/design.md", ".github/workflows/ci.yml", "scripts/release.sh"):
            self.write(name, f"{name}\n")

    # ---- what people do ----

    def edit_code(self):
        name = self.random.choice(LIBRARIES)
        self.words[name] = self.word()
        self.package(name)
        return f"{name}: say it differently"

    def edit_comment(self):
        name = self.random.choice(LIBRARIES)
        self.package(name, note=self.word())
        return f"{name}: explain"

    def edit_main(self):
        name = self.random.choice(SERVICES)
        uses = self.uses[f"cmd/{name}"]
        other = self.random.choice([n for n in LIBRARIES if n not in uses])
        uses[self.random.randrange(5)] = other
        self.main(name)
        return f"{name}: use {other}"

    def edit_test(self):
        for name in self.random.sample(LIBRARIES, self.random.choice([1, 1, 2])):
            self.write(f"internal/{name}/{name}_test.go", TEST.format(name=name, word=self.word()))
        return "test more"

    def edit_docs(self):
        names = ["README.md", "docs/start.md", "docs/deep/design.md", ".github/workflows/ci.yml", "scripts/release.sh"]
        names += [f"internal/{self.random.choice(LIBRARIES)}/README.md"]
        for name in self.random.sample(names, self.random.choice([1, 1, 2])):
            self.write(name, f"{self.word()}\n")
        return "document"

    def new_document(self):
        self.write(f"docs/{self.word()}.md", "new\n")
        return "document something new"

    def edit_config(self):
        name = self.random.choice(SERVICES)
        self.write(f"config/{name}.json", f'{{"name": "{name}", "word": "{self.word()}"}}\n')
        return f"configure {name}"

    def edit_static(self):
        name = self.random.choice(["index.html", "css/site.css", "js/app.js", f"img/{self.word()}/new.svg"])
        self.write(f"web/static/{name}", f"{self.word()}\n")
        return "polish the page"

    def edit_schema(self):
        name = self.random.choice(["order", "user", "item"])
        text = f"# {name}\n{name} {self.random.randrange(100)}\n"
        self.write(f"schema/{name}.txt", text if self.random.random() < 0.6 else f"# {self.word()}\n" + text)
        return f"schema of {name}"

    def new_file(self):
        name = self.random.choice(LIBRARIES)
        number = 10 + self.count
        self.write(f"internal/{name}/part{number}.go", MORE.format(name=name, note=self.word(), number=number, value=1))
        return f"{name}: one part more"

    def remove_file(self):
        parts = sorted(self.top.glob("internal/*/part*.go"))
        if not parts:
            return self.edit_code()
        self.random.choice(parts).unlink()
        return "remove what nobody calls"

    def edit_c(self):
        name = self.random.choice(["a.c", "b.c", "a.h", "unused.h"])
        text = (self.top / "csrc" / name).read_text()
        self.write(f"csrc/{name}", f"/* {self.word()} */\n" + text if ".h" in name else text.replace("1;", "1 + 0;"))
        return "the program in C"

    KINDS = {
        edit_code: 30, edit_comment: 8, edit_main: 5, edit_test: 14, edit_docs: 14, new_document: 3, edit_config: 7,
        edit_static: 6, edit_schema: 5, new_file: 3, remove_file: 2, edit_c: 3,
    }  # fmt: skip

    # ---- all of it ----

    def git(self, *words):
        git = ["git", "-C", self.top, "-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "gc.auto=0"]
        return subprocess.run([*git, *words], check=True, capture_output=True, text=True).stdout

    def commit(self, message):
        self.git("add", "-A")
        if self.git("status", "--porcelain"):
            self.git("commit", "-q", "-m", message)
            return 1
        return 0

    def make(self):
        self.top.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q")
        self.begin()
        self.commit("begin")
        made = 0
        while made < COMMITS:
            kinds = self.random.choices(list(self.KINDS), list(self.KINDS.values()), k=self.random.choice([1, 1, 1, 2]))
            made += self.commit("; ".join(dict.fromkeys(kind(self) for kind in kinds)))


if __name__ == "__main__":
    History(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1).make()
