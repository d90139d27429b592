#include "core/client.h"
#include "core/resolve.h"
#include "core/socket_address.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct fixture {
	char dir[64];
	struct buf socket;
	int listener, peer; /* peer: the server's end of the client's connection */
	struct client *client;
};

static int listen_at(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct socket_address a;

	assert_true(fd >= 0);
	assert_int_equal(socket_address_init(&a, path), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a.un, a.len), 0);
	assert_int_equal(listen(fd, 5), 0);
	socket_address_done(&a);
	return fd;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	AUTO_BUF error = { 0 };

	strcpy(f->dir, "/tmp/hrfs-unit-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	buf_printf(&f->socket, "%s/0:1.sock", f->dir);
	f->listener = listen_at(f->socket.data);
	assert_int_equal(client_connect(f->socket.data, &f->client, &error), 0);
	f->peer = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(f->peer >= 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	client_free(f->client);
	if (f->peer >= 0)
		close(f->peer);
	close(f->listener);
	unlink(f->socket.data);
	rmdir(f->dir);
	buf_done(&f->socket);
	free(f);
	return 0;
}

static void say(struct fixture *f, const char *text)
{
	assert_int_equal(write(f->peer, text, strlen(text)), strlen(text));
}

static void assert_next(struct fixture *f, const char *expected)
{
	json_t *o;
	char *text;

	assert_int_equal(client_receive(f->client, 10000, &o), 0);
	text = json_dumps(o, JSON_COMPACT);
	assert_string_equal(text, expected);
	free(text);
	json_decref(o);
}

static void assert_none(struct fixture *f, int expected)
{
	json_t *o;

	assert_int_equal(client_receive(f->client, 0, &o), expected);
}

static void test_receives_whole_objects(void **state)
{
	struct fixture *f = *state;

	assert_none(f, -EAGAIN);
	say(f, "{\"a\":");
	assert_none(f, -EAGAIN);
	say(f, "1}\n\n{\"b\":2}\n{\"c\"");
	assert_next(f, "{\"a\":1}");
	assert_next(f, "{\"b\":2}");
	assert_none(f, -EAGAIN);
	say(f, ":3}\nnonsense\n{\"d\":4}\n");
	assert_next(f, "{\"c\":3}");
	assert_none(f, -EPROTO);
	assert_next(f, "{\"d\":4}");
	close(f->peer);
	f->peer = -1;
	assert_none(f, -EPIPE);
}

static void test_sends_a_line(void **state)
{
	struct fixture *f = *state;
	char line[64];
	ssize_t n;

	assert_int_equal(client_send(f->client, json_pack("[s,s]", "clock", "/a\nb")), 0);
	n = read(f->peer, line, sizeof(line));
	assert_int_equal(n, 18);
	assert_memory_equal(line, "[\"clock\",\"/a\\nb\"]\n", 18);
	assert_int_equal(client_send(f->client, NULL), -ENOMEM);
	close(f->peer);
	f->peer = -1;
	assert_int_equal(client_send(f->client, json_pack("[s]", "x")), -EPIPE);
}

/* What comes unasked before the answer is kept, in order. */
static void test_call(void **state)
{
	struct fixture *f = *state;
	json_t *answer;

	say(f, "{\"subscription\":\"s\",\"n\":1}\n{\"log\":\"x\"}\n{\"error\":\"no\"}\n{\"hrfs-request\":1}\n");
	assert_int_equal(client_call(f->client, json_pack("[s]", "x"), 10000, &answer), 0);
	assert_string_equal(json_string_value(json_object_get(answer, "error")), "no");
	json_decref(answer);
	assert_next(f, "{\"subscription\":\"s\",\"n\":1}");
	assert_next(f, "{\"log\":\"x\"}");
	assert_next(f, "{\"hrfs-request\":1}");
	assert_int_equal(client_call(f->client, json_pack("[s]", "x"), 0, &answer), -ETIMEDOUT);
	say(f, "{\"hrfs-cancelled\":1}\n");
	close(f->peer);
	f->peer = -1;
	assert_int_equal(client_call(f->client, json_pack("[s]", "x"), 10000, &answer), -EPIPE);
}

static void *send_much(void *arg)
{
	struct fixture *f = arg;
	static char many[1 << 20];

	memset(many, 'x', sizeof(many));
	say(f, "{\"s\":\"");
	for (int i = 0; i < 20; i++)
		assert_int_equal(send(f->peer, many, sizeof(many), MSG_WAITALL), sizeof(many));
	say(f, "\"}\n{\"end\":1}\n");
	return NULL;
}

static void test_a_large_object(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	json_t *o;

	assert_int_equal(pthread_create(&thread, NULL, send_much, f), 0);
	assert_int_equal(client_receive(f->client, -1, &o), 0);
	assert_int_equal(json_string_length(json_object_get(o, "s")), 20 << 20);
	json_decref(o);
	assert_next(f, "{\"end\":1}");
	pthread_join(thread, NULL);
}

static void test_nobody_there(void **state)
{
	struct fixture *f = *state;
	AUTO_BUF path = { 0 };
	AUTO_BUF error = { 0 };
	struct client *c;

	buf_printf(&path, "%s/none.sock", f->dir);
	assert_int_equal(client_connect(path.data, &c, &error), -ENOTCONN);
	assert_non_null(strstr(error.data, path.data));
	assert_null(strchr(error.data, '\n'));
}

/* longer than an address has room for */
static void test_long_path(void **state)
{
	struct fixture *f = *state;
	AUTO_BUF dir = { 0 };
	AUTO_BUF path = { 0 };
	AUTO_BUF error = { 0 };
	struct client *c;
	int fd;

	buf_printf(&dir, "%s/%0150d", f->dir, 0);
	buf_printf(&path, "%s/x.sock", dir.data);
	assert_int_equal(mkdir(dir.data, 0700), 0);
	fd = listen_at(path.data);
	assert_int_equal(client_connect(path.data, &c, &error), 0);
	client_free(c);
	close(fd);
	unlink(path.data);
	rmdir(dir.data);
}

/* ---- links ---- */

static void assert_resolves(const char *from, const char *to)
{
	AUTO_BUF out = { 0 };

	assert_int_equal(resolve_links(&out, from), 0);
	assert_string_equal(out.data, to);
}

static void test_links(void **state)
{
	struct fixture *f = *state;
	AUTO_BUF at = { 0 };
	AUTO_BUF out = { 0 };
	char from[256], to[256];

	assert_resolves("/", "/");
	assert_resolves("/nosuch/../x/./y//", "/x/y");
	snprintf(from, sizeof(from), "%s/real", f->dir);
	mkdir(from, 0700);
	snprintf(from, sizeof(from), "%s/one", f->dir);
	assert_int_equal(symlink("real", from), 0);
	snprintf(from, sizeof(from), "%s/two", f->dir);
	snprintf(to, sizeof(to), "%s/./one/", f->dir);
	assert_int_equal(symlink(to, from), 0);
	snprintf(from, sizeof(from), "%s/two/not/there", f->dir);
	snprintf(to, sizeof(to), "%s/real/not/there", f->dir);
	assert_resolves(from, to);
	snprintf(from, sizeof(from), "%s/round", f->dir);
	assert_int_equal(symlink("round", from), 0);
	assert_int_equal(resolve_links(&out, from), -ELOOP);
	assert_int_equal(resolve_cwd(&at), 0);
	assert_int_equal(at.data[0], '/');
	for (size_t i = 0; i < 4; i++) {
		static const char *const made[] = { "one", "two", "round", "real" };

		snprintf(from, sizeof(from), "%s/%s", f->dir, made[i]);
		remove(from);
	}
}

/* ---- finding ---- */

static void test_finds_none(void **state)
{
	struct fixture *f = *state;
	struct client_mount m;
	AUTO_BUF error = { 0 };

	setenv("XDG_RUNTIME_DIR", f->dir, 1);
	assert_int_equal(client_find(f->dir, &m, &error), -ENOENT);
	assert_non_null(strstr(error.data, "hrfs mount"));
	assert_null(strchr(error.data, '\n'));
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_receives_whole_objects), T(test_sends_a_line), T(test_call),  T(test_a_large_object),
		T(test_nobody_there),		T(test_long_path),    T(test_links), T(test_finds_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
