/* Commands: what is taken apart, what watchexec and nodemon are told, and what stays as it is. */
#include "tests/unit/derive_tree.h"

#define WORDS 16

static const struct {
	const char *words[WORDS];
	struct tree_case t;
} commands[] = {
	{ { "./server", "a b" }, { .yaml = "services:\n  site: # its command\n    run: './server ''a b'''\n" } },
	{ { "make && ./x" }, { .yaml = "services:\n  site: # its command\n    run: 'make && ./x'\n" } },
	{ { "go", "run", "-race", "-tags", "x,y", "./cmd/api", "-v", "--", "z" },
	  { .yaml = "services:\n"
		    "  site: # its command\n"
		    "    build: 'go build -race -tags x,y -o .hrfs/site ./cmd/api'\n"
		    "    run: .hrfs/site -v -- z\n" } },
	{ { "go run a.go b.go c" },
	  { .yaml = "services:\n"
		    "  site: # its command\n"
		    "    build: go build -o .hrfs/site a.go b.go\n"
		    "    run: .hrfs/site c\n" } },
	/* what can't be taken apart for certain */
	{ { "go", "run", "example.org/x@latest" },
	  { .yaml = "services:\n  site: # its command\n    run: go run example.org/x@latest\n" } },
	{ { "go", "run", "-exec", "sudo", "." },
	  { .yaml = "services:\n  site: # its command\n    run: go run -exec sudo .\n" } },
	{ { "go", "run" }, { .yaml = "services:\n  site: # its command\n    run: go run\n" } },
	{ { "go run . | cat" }, { .yaml = "services:\n  site: # its command\n    run: 'go run . | cat'\n" } },
	{ { "cargo", "run", "--release", "--features=a", "--", "-p", "1" },
	  { .files = { { "Cargo.toml", "[package]\nname = \"my-app\"\n" }, { "src/main.rs", "" } },
	    .yaml = "services:\n"
		    "  site: # its command\n"
		    "    build: cargo build --release --features=a\n"
		    "    run: target/release/my-app -p 1\n" } },
	{ { "cargo", "run", "-p", "api", "x" },
	  { .files = { { "Cargo.toml", "[workspace]\n" } },
	    .yaml = "services:\n"
		    "  site: # its command\n"
		    "    build: cargo build -p api\n"
		    "    run: target/debug/api x\n" } },
	{ { "cargo", "run", "--example", "demo" },
	  { .files = { { "Cargo.toml", "[package]\nname = \"x\"\n" } },
	    .yaml = "services:\n"
		    "  site: # its command\n"
		    "    build: cargo build --example demo\n"
		    "    run: target/debug/examples/demo\n" } },
	{ { "cargo", "run", "--target", "wasm32-wasi" },
	  { .files = { { "Cargo.toml", "[package]\nname = \"x\"\n" }, { "src/main.rs", "" } },
	    .yaml = "services:\n  site: # its command\n    run: cargo run --target wasm32-wasi\n" } },
	{ { "cargo", "run" }, { .yaml = "services:\n  site: # its command\n    run: cargo run\n" } },
	{ { "watchexec", "-e", "py", "-r", "python", "app.py" },
	  { .yaml = "services:\n  site: # watchexec\n    run: python app.py\n    watch: ['*.py']\n" } },
	{ { "watchexec", "-w", "src", "-w", "./lib/", "--exts=rs,toml", "-i", "*.md", "--", "cargo run | cat" },
	  { .yaml = "services:\n"
		    "  site: # watchexec\n"
		    "    run: 'cargo run | cat'\n"
		    "    watch: ['/src/**/*.rs', '/src/**/*.toml', '/lib/**/*.rs', '/lib/**/*.toml']\n"
		    "    ignore: ['*.md']\n" } },
	{ { "/usr/bin/watchexec", "-rc", "-n", "--stop-signal", "SIGINT", "--stop-timeout=3s", "-E", "A=b", "--workdir",
	    "x", "go", "run", "." },
	  { .error = "watchexec: '-rc' is not understood" } },
	{ { "watchexec", "-r", "-n", "--stop-signal", "SIGINT", "--stop-timeout=3s", "-E", "A=b", "--", "sh", "-c",
	    "a b" },
	  { .yaml = "services:\n"
		    "  site: # watchexec\n"
		    "    run: 'sh -c ''a b'''\n"
		    "    stop: SIGINT\n"
		    "    grace: 3000ms\n"
		    "    env:\n"
		    "      A: b\n" } },
	{ { "watchexec", "-s", "HUP", "-f", "conf/**", "-p", "./server" },
	  { .yaml = "services:\n"
		    "  site: # watchexec\n"
		    "    run: ./server\n"
		    "    reload: signal:HUP\n"
		    "    watch: ['/conf/**']\n"
		    "# left out: watchexec: --postpone: hrfs starts at once\n" } },
	{ { "watchexec", "--socket=80", "x" }, { .error = "watchexec: '--socket=80' is not understood" } },
	{ { "watchexec", "-e" }, { .error = "watchexec: -e wants a value" } },
	{ { "watchexec", "-e", "x" }, { .error = "watchexec: no command" } },
	{ { "watchexec", "-s", "NO", "x" }, { .error = "watchexec: there is no signal 'NO'" } },
	{ { "watchexec", "--stop-timeout", "soon", "x" }, { .error = "watchexec: 'soon' is no time" } },
	{ { "nodemon", "--ext", "js", "--exec", "node -r dotenv/config", "app.js" },
	  { .yaml = "services:\n"
		    "  site: # nodemon\n"
		    "    run: node -r dotenv/config app.js\n"
		    "    watch: ['*.js']\n" } },
	{ { "nodemon", "app.py" }, { .yaml = "services:\n  site: # nodemon\n    run: python3 app.py\n" } },
	{ { "nodemon", "-Z", "app.js" }, { .error = "nodemon: '-Z' is not understood" } },
	{ { "nodemon", "--watch" }, { .error = "nodemon: --watch wants a value" } },
};

static void test_commands(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct tree_case t = commands[i].t;
		AUTO_BUF error = { 0 };
		struct derived d = { 0 };

		t.name = commands[i].words[0];
		tree_make(t.files, TREE_FILES);
		tree_expect(&t, derive_command(tree_root, (char *const *)(const void *)commands[i].words, &d, &error),
			    &d, &error);
		tree_done();
	}
}

/* What `hrfs run -- COMMAND` does: only what can be taken apart is anything. */
static void test_apart(void **unused)
{
	static const struct {
		const char *words[4], *at, *build, *run;
	} cases[] = {
		{ { "go", "run", "." }, "", "go build -o .hrfs/go .", ".hrfs/go" },
		{ { "go run ./x 'a b'" }, "sub/dir", "go build -o ../../.hrfs/go ./x", "../../.hrfs/go 'a b'" },
		{ { "go", "run", "a@latest" }, "", NULL, NULL },
		{ { "go run . &" }, "", NULL, NULL },
		{ { "it's" }, "", NULL, NULL },
		{ { "nodemon", "x.js" }, "", NULL, NULL },
		{ { "watchexec", "go run ." }, "", NULL, NULL },
		{ { NULL }, "", NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct derived d = { 0 };

		assert_int_equal(
			derive_apart("/src", cases[i].at, "go", (char *const *)(const void *)cases[i].words, &d), 0);
		assert_int_equal(d.count, cases[i].build != NULL);
		if (d.count) {
			assert_string_equal(d.services[0].build, cases[i].build);
			assert_string_equal(d.services[0].run, cases[i].run);
			assert_true(d.outputs);
		}
		derived_done(&d);
	}
}

/* The directory for builds: once is enough, its .gitignore is for git or not, and what is in the way is said. */
static void test_prepare(void **unused)
{
	struct derived d = { .outputs = true };
	AUTO_BUF path = { 0 };
	struct stat st;

	tree_make((const struct tree_file[]){ { "other/x", "" } }, 1);
	assert_int_equal(buf_printf(&path, "%s/.hrfs/.gitignore", tree_root), 0);
	assert_int_equal(derive_prepare(&(struct derived){ 0 }, tree_root, false), 0);
	assert_int_equal(stat(path.data, &st), -1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(derive_prepare(&d, tree_root, false), 0);
		assert_int_equal(stat(path.data, &st), 0);
		assert_int_equal(st.st_size, strlen("*\n"));
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(derive_prepare(&d, tree_root, i < 2), 0);
		assert_int_equal(stat(path.data, &st), 0);
		assert_int_equal(st.st_size, strlen("*\n!.gitignore\n"));
	}
	tree_done();
	tree_make((const struct tree_file[]){ { ".hrfs", "a file" } }, 1);
	assert_int_equal(derive_prepare(&d, tree_root, false), -ENOTDIR);
	tree_done();
	tree_make((const struct tree_file[]){ { "other/x", "" } }, 1);
	buf_truncate(&path, 0);
	assert_int_equal(buf_printf(&path, "%s/.hrfs", tree_root), 0);
	assert_int_equal(symlink("other", path.data), 0);
	assert_int_equal(derive_prepare(&d, tree_root, false), -ENOTDIR);
	tree_done();
	assert_int_equal(derive_prepare(&d, "/no/such", false), -ENOENT);
}

/* Any bytes that are text come back as they were; what is none is refused. */
static void test_printing(void **unused)
{
	static const char *const lines[] = {
		"a: b",
		"a #b",
		"- x",
		"*x",
		"&x",
		"!x",
		"'x'",
		"\"x\"",
		"%x",
		"@x",
		"{x}",
		"[x]",
		"x:",
		"x ",
		"true",
		"~",
		"a\nb",
		"a\tb",
		"caf\xc3\xa9 \xf0\x9f\x98\x80",
		"\\",
		"#x",
		"?",
		"x, y",
		"0x10",
		"a\177b",
		"=",
		"|",
		">",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct derived_service s = { .name = (char *)"x", .from = (char *)"a\nb", .run = (char *)lines[i] };
		struct derived d = { .services = &s, .count = 1 };
		AUTO_BUF text = { 0 };

		assert_int_equal(derive_print(&d, &text), 0);
		if (strspn(lines[i], " ") != strlen(lines[i]))
			tree_check_yaml(&d, text.data, lines[i]);
		s.run = (char *)"\xff";
		assert_int_equal(derive_print(&d, &text), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_apart),
		cmocka_unit_test(test_prepare),
		cmocka_unit_test(test_printing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
