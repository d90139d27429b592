#include "cli/commands.h"
#include "cli/derived.h"
#include "cli/say.h"
#include "core/base/path.h"
#include "core/config.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define HEAD "# What `hrfs run` starts here; `man hrfs.yaml` knows every key.\n"

static int write_all(int fd, const struct buf *text)
{
	for (size_t done = 0; done < text->len;) {
		ssize_t n = write(fd, text->data + done, text->len - done);

		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

/* Never over one that is there: made with O_EXCL. */
static int write_file(const char *path, const struct buf *text)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	int r = fd < 0 ? -errno : write_all(fd, text);

	if (r == -EEXIST) {
		say_error("%s is there already; hrfs init --print shows what would be derived", path);
		return CLI_FAILED;
	}
	if (r < 0) {
		say_error("%s: %s", path, strerror(-r));
		if (fd >= 0)
			unlink(path);
		return CLI_FAILED;
	}
	return CLI_OK;
}

static int write_down(const char *dir, const struct derived *d, const struct buf *text)
{
	AUTO_BUF path = { 0 };
	int r;

	if (path_join(&path, dir, CONFIG_FILE_NAME) < 0)
		return CLI_FAILED;
	r = write_file(path.data, text);
	if (r != CLI_OK)
		return r;
	fputs(text->data, stdout);
	say_note("written to %s; 'hrfs run' starts it", path.data);
	r = derive_prepare(d, dir, true);
	if (r < 0)
		say_note(DERIVE_OUTPUTS "/, where builds write: %s", strerror(-r));
	else if (d->outputs)
		say_note("builds go into " DERIVE_OUTPUTS "/, which its .gitignore keeps out of git: commit that too");
	return CLI_OK;
}

static int init(const char *source, bool print, char *const *command)
{
	AUTO_DONE(derived) struct derived d = { 0 };
	AUTO_FREE char *dir = realpath(source ? source : ".", NULL);
	AUTO_BUF text = { 0 };
	int r;

	if (!dir) {
		say_error("%s: %s", source ? source : ".", strerror(errno));
		return CLI_FAILED;
	}
	if (command && !command[0]) {
		say_error("init: a command is wanted after '--'");
		return CLI_USAGE;
	}
	r = derived_find("init", dir, "", command, &d);
	if (r == CLI_OK && buf_puts(&text, HEAD) < 0)
		r = CLI_FAILED;
	if (r == CLI_OK)
		r = derived_text(&d, &text);
	if (r != CLI_OK)
		return r;
	if (!print)
		return write_down(dir, &d, &text);
	fputs(text.data, stdout);
	return CLI_OK;
}

static int run_init(int argc, char **argv)
{
	const char *source = NULL;
	bool print = false;
	const struct cli_option options[] = {
		{ "source", 's', CLI_TEXT, &source, "DIR", "the tree (default: the working directory)" },
		{ "print", 'p', CLI_FLAG, &print, NULL, "print it, write nothing" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	int r = cli_parse(&cmd_init, options, 0, 0, argv, &args);

	return r >= 0 ? r : init(source, print, args.command);
}

const struct cli_command cmd_init = {
	.name = "init",
	.summary = "write an hrfs.yaml for what the tree is",
	.usage = "[--source DIR] [--print]\n[--source DIR] [--print] -- COMMAND [ARG...]",
	.help = "Derives services from what lies in the tree, and writes them down as hrfs.yaml, never over\n"
		"one that is there. `hrfs run` derives the same where there is no hrfs.yaml.\n"
		"\n"
		"Known are Procfile(.dev), compose.yaml (what it builds), .air.toml, go.mod, Cargo.toml,\n"
		"manage.py, pyproject.toml and requirements.txt (FastAPI, Starlette, Litestar, Flask, a main\n"
		"file), package.json (dev, start, main; nodemon and its settings), CMakeLists.txt and\n"
		"Makefile (run, serve, dev, start, all); in a repository also those of its directories. What\n"
		"was left out, and why, is in comments at the end. Nothing is executed.\n"
		"\n"
		"A COMMAND is written down instead: `go run` and `cargo run` as a build and a run, what\n"
		"watchexec and nodemon are told as keys, anything else as it is.\n"
		"\n"
		"  hrfs init\n"
		"  hrfs init -- watchexec -e py -r python app.py\n"
		"  hrfs init -- go run ./cmd/api\n"
		"\n"
		"Exit status: 0 written; 1 there is one already, or a file cannot be understood; 2 nothing\n"
		"was found here.\n",
	.run = run_init,
};
