/* Each kind of tree, and the hrfs.yaml that is derived from it. */
#include "tests/unit/derive_tree.h"

#define GO_MAIN "package main\n\nfunc main() {}\n"

static const struct tree_case languages[] = {
	{ "nothing", { { "README.md", "" } }, "", NULL },
	{ "go",
	  { { "go.mod", "module example.org/hello/v2\n\ngo 1.21\n" }, { "main.go", "// a comment\n\n" GO_MAIN } },
	  "services:\n"
	  "  hello: # go.mod\n"
	  "    build: go build -o .hrfs/hello .\n"
	  "    run: .hrfs/hello\n",
	  NULL },
	{ "go, several programs",
	  { { "go.mod", "module example.org/shop\n" },
	    { "cmd/api/main.go", GO_MAIN },
	    { "cmd/worker/main.go", "/*\nLicense\n*/\npackage main\n" },
	    { "cmd/migrate/main.go", GO_MAIN },
	    { "gen.go", "//go:build ignore\n\npackage main\n" },
	    { "internal/x/x.go", "package x\n" },
	    { "tools/main.go", GO_MAIN },
	    { "main_test.go", "package main\n" } },
	  "services:\n"
	  "  api: # go.mod, ./cmd/api\n"
	  "    build: go build -o .hrfs/api ./cmd/api\n"
	  "    run: .hrfs/api\n"
	  "  worker: # go.mod, ./cmd/worker\n"
	  "    build: go build -o .hrfs/worker ./cmd/worker\n"
	  "    run: .hrfs/worker\n"
	  "# left out: cmd/migrate: by its name a tool, no service\n",
	  NULL },
	{ "go, a library", { { "go.mod", "module x\n" }, { "x.go", "package x\n" } }, "", NULL },
	{ "cargo",
	  { { "Cargo.toml", "[package]\nname = \"hello\"\nversion = \"0.1.0\"\n" },
	    { "src/main.rs", "fn main() {}\n" } },
	  "services:\n"
	  "  hello: # Cargo.toml\n"
	  "    build: cargo build --bin hello\n"
	  "    run: target/debug/hello\n",
	  NULL },
	{ "cargo, several binaries",
	  { { "Cargo.toml",
	      "[package]\nname = \"x\"\ndefault-run = \"api\"\n[[bin]]\nname = \"api\"\npath = \"a.rs\"\n" },
	    { "src/bin/b.rs", "" },
	    { ".cargo/config.toml", "build.target-dir = \"/elsewhere\"\n" } },
	  "services:\n"
	  "  api: # Cargo.toml\n"
	  "    build: cargo build --bin api --target-dir target\n"
	  "    run: target/debug/api\n"
	  "# left out: Cargo.toml: b is not its default-run\n",
	  NULL },
	{ "cargo, a workspace",
	  { { "Cargo.toml", "[workspace]\nmembers = [\"crates/*\", \"web\"]\n" },
	    { "crates/lib/Cargo.toml", "[package]\nname = \"lib\"\n" },
	    { "crates/lib/src/lib.rs", "" },
	    { "crates/api/Cargo.toml", "[package]\nname = \"api\"\n" },
	    { "crates/api/src/main.rs", "" },
	    { "web/Cargo.toml", "[package]\nname = \"web\"\n" },
	    { "web/src/main.rs", "" } },
	  "services:\n"
	  "  api: # crates/api/Cargo.toml\n"
	  "    build: cargo build --bin api\n"
	  "    run: ../../target/debug/api\n"
	  "    cwd: crates/api\n"
	  "  web: # web/Cargo.toml\n"
	  "    build: cargo build --bin web\n"
	  "    run: ../target/debug/web\n"
	  "    cwd: web\n",
	  NULL },
	{ "cargo, broken", { { "Cargo.toml", "[package\n" } }, NULL, "Cargo.toml:1: ']' is wanted, not ' '" },
	{ "node, scripts",
	  { { "package.json",
	      "{\"name\":\"@acme/web\",\"scripts\":{\"dev\":\"vite --port 3000\",\"start\":\"node x\"}}" },
	    { "pnpm-lock.yaml", "" } },
	  "services:\n"
	  "  web: # package.json, dev\n"
	  "    run: pnpm run dev\n",
	  NULL },
	{ "node, plain",
	  { { "package.json", "{\"scripts\":{\"dev\":\"node --watch --watch-path=src server.js --watch x\"}}" } },
	  "services:\n"
	  "  site: # package.json, dev\n"
	  "    run: node server.js --watch x\n",
	  NULL },
	{ "node, a script before it",
	  { { "package.json", "{\"scripts\":{\"prestart\":\"make\",\"start\":\"node server.js\"}}" },
	    { "yarn.lock", "" } },
	  "services:\n"
	  "  site: # package.json, start\n"
	  "    run: yarn start\n",
	  NULL },
	{ "node, built",
	  { { "package.json",
	      "{\"packageManager\":\"bun@1.1\",\"dependencies\":{\"x\":\"1\"},\"scripts\":{\"build\":\"tsc\",\"start\":\"node dist/main.js\"}}" } },
	  "services:\n"
	  "  site: # package.json, start\n"
	  "    build: bun run build\n"
	  "    run: node dist/main.js\n"
	  "# left out: node_modules: not there yet, 'bun install' makes it\n",
	  NULL },
	{ "node, main",
	  { { "package.json", "{\"main\":\"lib/a b.js\"}" }, { "lib/a b.js", "" } },
	  "services:\n"
	  "  site: # package.json, main\n"
	  "    run: 'node ''lib/a b.js'''\n",
	  NULL },
	{ "node, a library", { { "package.json", "{\"scripts\":{\"test\":\"jest\"}}" } }, "", NULL },
	{ "node, broken", { { "package.json", "{" } }, NULL, "package.json: no JSON: not valid JSON" },
	{ "django",
	  { { "manage.py", "from django.core.management import execute_from_command_line\n" },
	    { ".venv/bin/python", "" } },
	  "services:\n"
	  "  site: # manage.py\n"
	  "    run: .venv/bin/python manage.py runserver --noreload\n",
	  NULL },
	{ "fastapi",
	  { { "pyproject.toml", "[project]\nname = 'x'\n" },
	    { "app/__init__.py", "" },
	    { "app/main.py", "from fastapi import FastAPI\n\napi: FastAPI = FastAPI(title='x')\n" },
	    { "uv.lock", "" } },
	  "services:\n"
	  "  site: # app/main.py, FastAPI\n"
	  "    run: uv run python -m uvicorn app.main:api\n",
	  NULL },
	{ "starlette, made by a function in src",
	  { { "requirements.txt", "starlette\n" },
	    { "src/shop/app.py",
	      "import starlette\n# x = Starlette(\ndef make():\n    a = 1\n    return a\n\n\ndef create():\n    app = starlette.Starlette()\n    return app\n" } },
	  "services:\n"
	  "  site: # src/shop/app.py, Starlette\n"
	  "    run: python3 -m uvicorn --app-dir src --factory shop.app:create\n",
	  NULL },
	{ "flask",
	  { { "requirements.txt", "flask\n" }, { "server.py", "from flask import Flask\nweb = Flask(__name__)\n" } },
	  "services:\n"
	  "  site: # server.py, Flask\n"
	  "    run: python3 -m flask --app server:web run\n",
	  NULL },
	{ "flask, a factory",
	  { { "setup.py", "" },
	    { "examples/app.py", "app = FastAPI()\n" },
	    { "app.py", "def create_app():\n    app = Flask(__name__)\n    return app\n" } },
	  "services:\n"
	  "  site: # app.py, Flask\n"
	  "    run: python3 -m flask --app app run\n",
	  NULL },
	{ "python, a file",
	  { { "server.py", "import socket\n\nif __name__ == '__main__':\n    pass\n" } },
	  "services:\n"
	  "  site: # server.py\n"
	  "    run: python3 server.py\n",
	  NULL },
	{ "python, a package",
	  { { "pyproject.toml", "" }, { "shop/__main__.py", "" }, { "shop/__init__.py", "" } },
	  "services:\n"
	  "  site: # shop/__main__.py\n"
	  "    run: python3 -m shop\n",
	  NULL },
	{ "python, a library", { { "pyproject.toml", "" }, { "shop/__init__.py", "" } }, "", NULL },
};

static const struct tree_case built[] = {
	{ "make",
	  { { "Makefile",
	      "CC ?= cc\nrun := x\nall: server\n\nserver: server.c\n\t$(CC) -o $@ $<\n\nrun: server | dir ## serve\n\t./server\n" } },
	  "services:\n"
	  "  site: # Makefile, run\n"
	  "    build: make server\n"
	  "    run: make run\n",
	  NULL },
	{ "make, what only make knows",
	  { { "GNUmakefile", "build: x\nserve : $(BIN)\n\t$(BIN)\n" } },
	  "services:\n"
	  "  site: # GNUmakefile, serve\n"
	  "    build: make build\n"
	  "    run: make serve\n",
	  NULL },
	{ "make, nothing to start",
	  { { "Makefile", "all: a b\na b:\n\ttouch $@\n" } },
	  "services:\n"
	  "  site: # Makefile, all\n"
	  "    build: make all\n",
	  NULL },
	{ "make, no target that is known", { { "Makefile", "x:\n\ttrue\n" } }, "", NULL },
	{ "make beside go: go",
	  { { "go.mod", "module hello\n" }, { "main.go", GO_MAIN }, { "Makefile", "run:\n\tgo run .\n" } },
	  "services:\n"
	  "  hello: # go.mod\n"
	  "    build: go build -o .hrfs/hello .\n"
	  "    run: .hrfs/hello\n",
	  NULL },
	{ "cmake",
	  { { "CMakeLists.txt",
	      "cmake_minimum_required(VERSION 3.13)\nproject(hello C)\n# add_executable(no no.c)\nadd_executable(${PROJECT_NAME}\n  main.c)\nadd_executable(x::y ALIAS hello)\nadd_subdirectory(srv)\nadd_subdirectory(tests)\n" },
	    { "srv/CMakeLists.txt", "add_executable( server server.c )\n" },
	    { "tests/CMakeLists.txt", "add_executable(check check.c)\n" } },
	  "services:\n"
	  "  hello: # CMakeLists.txt, hello\n"
	  "    build: 'cmake -B .hrfs/build && cmake --build .hrfs/build --target hello'\n"
	  "    run: .hrfs/build/hello\n"
	  "  server: # CMakeLists.txt, server\n"
	  "    build: 'cmake -B .hrfs/build && cmake --build .hrfs/build --target server'\n"
	  "    run: .hrfs/build/srv/server\n",
	  NULL },
	{ "cmake, built before",
	  { { "CMakeLists.txt",
	      "project(hello)\nset(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)\nadd_executable(hello main.c)\n" },
	    { "build/CMakeCache.txt", "" } },
	  "services:\n"
	  "  hello: # CMakeLists.txt, hello\n"
	  "    build: 'cmake -B build && cmake --build build --target hello'\n"
	  "    run: build/bin/hello\n",
	  NULL },
};

static const struct tree_case several[] = {
	{ "procfile",
	  { { "Procfile",
	      "# x\nrelease: ./migrate\nweb: go run ./cmd/web -v\nworker: python worker.py --port=$PORT\n" },
	    { "go.mod", "module x\n" } },
	  "services:\n"
	  "  web: # Procfile\n"
	  "    build: go build -o .hrfs/web ./cmd/web\n"
	  "    run: .hrfs/web -v\n"
	  "    port: 5000\n"
	  "  worker: # Procfile\n"
	  "    run: 'python worker.py --port=$PORT'\n"
	  "    port: 5100\n"
	  "# left out: Procfile: release runs once, when it is deployed\n",
	  NULL },
	{ "procfile for development",
	  { { "Procfile", "web: x\n" }, { "Procfile.dev", "css: yarn build --watch\n" }, { ".env", "A=1\n" } },
	  "services:\n"
	  "  css: # Procfile.dev\n"
	  "    run: yarn build --watch\n"
	  "# left out: .env: say what is needed of it in env:\n",
	  NULL },
	{ "directories of a repository",
	  { { ".git/HEAD", "" },
	    { "api/go.mod", "module example.org/backend\n" },
	    { "api/main.go", GO_MAIN },
	    { "web/package.json", "{\"scripts\":{\"dev\":\"vite\"}}" },
	    { "web/node_modules/x/package.json", "{\"scripts\":{\"start\":\"x\"}}" },
	    { "services/mail/requirements.txt", "" },
	    { "services/mail/main.py", "if __name__ == '__main__':\n    pass\n" },
	    { "examples/go.mod", "module x\n" },
	    { "other/.git/HEAD", "" },
	    { "other/Makefile", "run:\n" } },
	  "services:\n"
	  "  backend: # api/go.mod\n"
	  "    build: go build -o ../.hrfs/backend .\n"
	  "    run: ../.hrfs/backend\n"
	  "    cwd: api\n"
	  "  mail: # services/mail/main.py\n"
	  "    run: python3 main.py\n"
	  "    cwd: services/mail\n"
	  "  web: # web/package.json, dev\n"
	  "    run: npm run dev\n"
	  "    cwd: web\n"
	  "# left out: examples/go.mod: by its name no service\n",
	  NULL },
	{ "no project: what is below is nobody's to start",
	  { { "api/go.mod", "module example.org/backend\n" }, { "api/main.go", GO_MAIN } },
	  "",
	  NULL },
	{ "a server with its pages",
	  { { ".git/HEAD", "" },
	    { "go.mod", "module shop\n" },
	    { "main.go", GO_MAIN },
	    { "tool2/go.mod", "module y\n" },
	    { "tool2/main.go", GO_MAIN },
	    { "web/package.json", "{\"name\":\"shop\",\"scripts\":{\"start\":\"serve\"}}" } },
	  "services:\n"
	  "  shop: # go.mod\n"
	  "    build: go build -o .hrfs/shop .\n"
	  "    run: .hrfs/shop\n"
	  "  shop-2: # web/package.json, start\n"
	  "    run: npm start\n"
	  "    cwd: web\n",
	  NULL },
	{ "compose",
	  { { "compose.yaml", "services:\n"
			      "  api:\n"
			      "    build: ./api\n"
			      "    ports: ['127.0.0.1:8080:80/tcp']\n"
			      "    environment:\n"
			      "      LEVEL: debug\n"
			      "      DB: postgres://u:p@db:5432/x\n"
			      "      KEY: ${KEY}\n"
			      "  web:\n"
			      "    build: {context: web, dockerfile: D}\n"
			      "    environment: ['A=b c', 'PORT=1']\n"
			      "  old: {build: legacy}\n"
			      "  jobs: {build: legacy, command: python worker.py}\n"
			      "  out: {build: ../x}\n"
			      "  db: {image: postgres}\n"
			      "  cache: {image: redis}\n" },
	    { "api/go.mod", "module example.org/backend\n" },
	    { "api/main.go", GO_MAIN },
	    { "web/package.json", "{\"name\":\"x\",\"scripts\":{\"dev\":\"vite\"}}" },
	    { "legacy/Dockerfile", "" } },
	  "services:\n"
	  "  api: # compose.yaml, api/go.mod\n"
	  "    build: go build -o ../.hrfs/api .\n"
	  "    run: ../.hrfs/api\n"
	  "    cwd: api\n"
	  "    port: 8080\n"
	  "    env:\n"
	  "      LEVEL: debug\n"
	  "  web: # compose.yaml, web/package.json, dev\n"
	  "    run: npm run dev\n"
	  "    cwd: web\n"
	  "    env:\n"
	  "      A: b c\n"
	  "  jobs: # compose.yaml, command\n"
	  "    run: python worker.py\n"
	  "    cwd: legacy\n"
	  "# left out: compose.yaml: DB of api, 'postgres://u:p@db:5432/x': it means something inside of compose only\n"
	  "# left out: compose.yaml: KEY of api, '${KEY}': it means something inside of compose only\n"
	  "# left out: compose.yaml: old: nothing in legacy says how it runs without its image\n"
	  "# left out: compose.yaml: out is built from ../x, outside of this tree\n"
	  "# left out: compose.yaml: db cache, as images: docker compose up -d db cache\n",
	  NULL },
	{ "compose of images beside a server",
	  { { "docker-compose.yml", "services:\n  db:\n    image: postgres\n" },
	    { "package.json", "{\"name\":\"web\",\"scripts\":{\"start\":\"x\"}}" } },
	  "services:\n"
	  "  web: # package.json, start\n"
	  "    run: npm start\n"
	  "# left out: docker-compose.yml: db, as images: docker compose up -d db\n",
	  NULL },
	{ "compose that is not understood",
	  { { "compose.yaml", "x: &a {b: c}\nservices: *a\n" },
	    { "server.py", "if __name__ == '__main__':\n    pass\n" } },
	  "services:\n"
	  "  site: # server.py\n"
	  "    run: python3 server.py\n"
	  "# left out: compose.yaml:2: aliases (*name) are not read here; settings for every service may stand at the top level\n",
	  NULL },
};

static const struct tree_case others[] = {
	{ "air",
	  { { ".air.toml",
	      "root = \".\"\ntmp_dir = \"tmp\"\n\n[build]\n"
	      "  args_bin = [\"-v\", \"-a\", \"-v\"]\n  bin = \"./tmp/main\"\n  cmd = \"go build -o ./tmp/main ./cmd/x\"\n"
	      "  pre_cmd = [\"go generate\"]\n  delay = 1000\n  exclude_dir = [\"assets\", \"tmp\"]\n  exclude_regex = [\"_test.go\", \"a|b\"]\n"
	      "  include_ext = [\"go\", \"tpl\"]\n  kill_delay = \"2s\"\n  send_interrupt = true\n  post_cmd = [\"x\"]\n\n[color]\n  app = \"\"\n" },
	    { "go.mod", "module x\n" },
	    { "main.go", GO_MAIN } },
	  "services:\n"
	  "  site: # .air.toml\n"
	  "    build: 'go generate && go build -o ./tmp/main ./cmd/x'\n"
	  "    run: ./tmp/main -v -a -v\n"
	  "    stop: INT\n"
	  "    grace: 2000ms\n"
	  "    watch: ['*.go', '*.tpl']\n"
	  "    ignore: ['/assets', '/tmp', '*_test.go']\n"
	  "# left out: .air.toml: exclude_regex 'a|b': say it as a pattern in ignore:\n"
	  "# left out: .air.toml: build.post_cmd\n",
	  NULL },
	{ "air, another root",
	  { { ".air.toml", "root = \"..\"\n" } },
	  NULL,
	  ".air.toml: root '..': only the directory that it lies in is understood" },
	{ "air, broken", { { ".air.toml", "[build]\ncmd = go\n" } }, NULL, ".air.toml:2: 'go' is no value" },
	{ "air, in a line for the shell",
	  { { ".air.toml",
	      "[build]\nfull_bin = \"A=1 ./tmp/main\"\nargs_bin = [\"x y\"]\ninclude_dir = [\"cmd\"]\n" } },
	  "services:\n"
	  "  site: # .air.toml\n"
	  "    build: go build -o ./tmp/main .\n"
	  "    run: 'A=1 ./tmp/main ''x y'''\n"
	  "    watch: ['/cmd']\n",
	  NULL },
	{ "nodemon",
	  { { "nodemon.json",
	      "{\"watch\":[\"src\"],\"ext\":\"ts,json\",\"ignore\":[\"src/**/*.spec.ts\"],\"exec\":\"npx ts-node src/index.ts\",\"env\":{\"N\":1},\"signal\":\"SIGHUP\",\"delay\":100,\"events\":{}}" },
	    { "package.json", "{\"name\":\"web\",\"scripts\":{\"dev\":\"nodemon\"}}" } },
	  "services:\n"
	  "  web: # package.json, nodemon\n"
	  "    run: npx ts-node src/index.ts\n"
	  "    stop: SIGHUP\n"
	  "    watch: ['/src/**/*.ts', '/src/**/*.json']\n"
	  "    ignore: ['/src/**/*.spec.ts']\n"
	  "    env:\n"
	  "      N: 1\n"
	  "# left out: nodemon.json: events\n",
	  NULL },
	{ "nodemon in a package's script",
	  { { "package.json",
	      "{\"scripts\":{\"start\":\"nodemon -w lib --inspect server.js a\"},\"nodemonConfig\":{\"watch\":[\"x\"],\"ignore\":[\"*.md\"]}}" } },
	  "services:\n"
	  "  site: # package.json, nodemon\n"
	  "    run: node --inspect server.js a\n"
	  "    watch: ['/lib']\n"
	  "    ignore: ['*.md']\n",
	  NULL },
	{ "nodemon below the root",
	  { { "turbo.json", "{}" },
	    { "web/package.json", "{\"main\":\"a.js\",\"nodemonConfig\":{\"ext\":\"js\",\"watch\":\"src\"}}" } },
	  "services:\n"
	  "  web: # web/package.json, nodemon\n"
	  "    run: node a.js\n"
	  "    cwd: web\n"
	  "    watch: ['/web/src/**/*.js']\n",
	  NULL },
	{ "nodemon that runs nothing",
	  { { "package.json", "{\"nodemonConfig\":{}}" } },
	  NULL,
	  "nodemon: neither its words nor its settings, nor 'main' in package.json, say what it runs" },
};

static void run_cases(const struct tree_case *cases, size_t count)
{
	unsetenv("CARGO_TARGET_DIR");
	unsetenv("CARGO_BUILD_TARGET_DIR");
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF error = { 0 };
		struct derived d = { 0 };

		tree_make(cases[i].files, TREE_FILES);
		tree_expect(&cases[i], derive(tree_root, "", &d, &error), &d, &error);
		tree_done();
	}
}

static void test_languages(void **unused)
{
	run_cases(languages, ARRAY_SIZE(languages));
}

static void test_what_is_built(void **unused)
{
	run_cases(built, ARRAY_SIZE(built));
}

static void test_several_services(void **unused)
{
	run_cases(several, ARRAY_SIZE(several));
}

static void test_other_tools(void **unused)
{
	run_cases(others, ARRAY_SIZE(others));
}

/* Somewhere in a tree: what is built goes to its root all the same. */
static void test_below_the_root(void **unused)
{
	static const struct tree_case t = {
		"below",
		{ { "services/api/go.mod", "module example.org/api\n" },
		  { "services/api/main.go", GO_MAIN },
		  { "services/api/web/package.json", "{\"name\":\"x\",\"scripts\":{\"dev\":\"vite\"}}" },
		  { "services/api/.git/HEAD", "" } },
		"services:\n"
		"  api: # services/api/go.mod\n"
		"    build: go build -o ../../.hrfs/api .\n"
		"    run: ../../.hrfs/api\n"
		"    cwd: services/api\n"
		"  x: # services/api/web/package.json, dev\n"
		"    run: npm run dev\n"
		"    cwd: services/api/web\n",
		NULL,
	};
	AUTO_BUF error = { 0 };
	struct derived d = { 0 };

	tree_make(t.files, TREE_FILES);
	tree_expect(&t, derive(tree_root, "services/api", &d, &error), &d, &error);
	tree_done();
}

/* Not more than anybody wants to see started, and the rest is named. */
static void test_limit(void **unused)
{
	struct tree_case t = { .name = "many", .files = { { "Procfile", NULL } } };
	AUTO_BUF procfile = { 0 };
	AUTO_BUF error = { 0 };
	struct derived d = { 0 };

	for (int i = 0; i < 20; i++)
		assert_int_equal(buf_printf(&procfile, "p%d: x\n", i), 0);
	t.files[0].text = procfile.data;
	tree_make(t.files, 1);
	assert_int_equal(derive(tree_root, "", &d, &error), 0);
	assert_int_equal(d.count, 16);
	assert_int_equal(d.notes.count, 1);
	assert_string_equal(d.notes.items[0], "p16 and what else there is: more than 16 services");
	derived_done(&d);
	tree_done();
}

/* What is no regular file, or too large, is not read; a fifo is not waited for. */
static void test_odd_files(void **unused)
{
	AUTO_BUF error = { 0 };
	AUTO_BUF path = { 0 };
	struct derived d = { 0 };

	tree_make((const struct tree_file[]){ { "Cargo.toml/", NULL } }, 1);
	assert_int_equal(buf_printf(&path, "%s/package.json", tree_root), 0);
	assert_int_equal(mkfifo(path.data, 0600), 0);
	buf_truncate(&path, 0);
	assert_int_equal(buf_printf(&path, "%s/go.mod", tree_root), 0);
	assert_int_equal(symlink("/dev/zero", path.data), 0);
	assert_int_equal(derive(tree_root, "", &d, &error), 0);
	assert_int_equal(d.count, 0);
	derived_done(&d);
	tree_done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_languages),
		cmocka_unit_test(test_what_is_built),
		cmocka_unit_test(test_several_services),
		cmocka_unit_test(test_other_tools),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_below_the_root),
		cmocka_unit_test(test_odd_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
