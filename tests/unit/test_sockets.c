#include "core/base/buf.h"
#include "supervisor/net_table.h"
#include "supervisor/ready_notify.h"
#include "supervisor/ready_probe.h"
#include "supervisor/sockets.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <string.h>
#include <sys/un.h>

/* ---- what is written in `listen:` ---- */

static const struct {
	const char *text, *printed; /* printed NULL: refused */
} addresses[] = {
	{ "127.0.0.1:8080", "127.0.0.1:8080" },
	{ "0.0.0.0:80", "0.0.0.0:80" },
	{ "localhost:80", "127.0.0.1:80" },
	{ "[::1]:80", "[::1]:80" },
	{ "[fe80::1]:65535", "[fe80::1]:65535" },
	{ ":80", "[::]:80" },
	{ "*:80", "[::]:80" },
	{ "80", "[::]:80" },
	{ "0", "[::]:0" },
	{ "/run/x", "unix:/run/x" },
	{ "unix:/run/x", "unix:/run/x" },
	{ "unix:x", "unix:/root/x" },
	{ "unix:a/b", "unix:/root/a/b" },
	{ "@name", "@name" },
	{ "unix:@name", "@name" },
	{ "", NULL },
	{ ":", NULL },
	{ "x", NULL },
	{ "80x", NULL },
	{ "-1", NULL },
	{ "127.0.0.1:", NULL },
	{ "127.0.0.1:65536", NULL },
	{ "127.0.0.1:99999999999999999999", NULL },
	{ "127.0.0:80", NULL },
	{ "example.com:80", NULL },
	{ "::1:80", NULL },
	{ "[::1]80", NULL },
	{ "[]:80", NULL },
	{ "[:80", NULL },
	{ "[127.0.0.1]:80", NULL },
	{ "1111111111111111111111111111111111111111111111111111111111111111111111:80", NULL },
	{ "unix:", NULL },
	{ "/", NULL },
	{ "@", NULL },
};

static void test_addresses(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct sockaddr_storage a;
		socklen_t len;
		AUTO_BUF error = { 0 };
		AUTO_BUF out = { 0 };
		int r = sockets_parse(addresses[i].text, "/root", &a, &len, &error);

		assert_int_equal(r, addresses[i].printed ? 0 : -EINVAL);
		if (r < 0) {
			assert_true(error.len > 0 && !strchr(error.data, '\n'));
			continue;
		}
		sockets_print(&a, len, &out);
		assert_string_equal(buf_str(&out), addresses[i].printed);
	}
}

static void test_long_paths(void **unused)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	struct sockaddr_storage a;
	socklen_t len;
	AUTO_BUF error = { 0 };
	AUTO_BUF out = { 0 };

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(sockets_parse(path, NULL, &a, &len, &error), -EINVAL);
	path[sizeof(path) - 2] = '\0';
	assert_int_equal(sockets_parse(path, NULL, &a, &len, &error), 0);
	sockets_print(&a, len, &out);
	assert_string_equal(buf_str(&out) + 5, path);
}

/* ---- the kernel's tables (little-endian machines; as the test itself writes them) ---- */

static void test_tcp_lines(void **unused)
{
	static const char v4[] =
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
		"12345 1 0000000000000000 100 0 0 10 0\n";
	static const char v6[] =
		"  12: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A "
		"00000000:00000000 00:00000000 00000000     0        0 777 1 0000000000000000 100 0 0 10 0\n";
	static const char open[] =
		"   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 02:000004D2 00000000     0        0 "
		"9 2 0000000000000000 20 4 30 10 -1\n";
	struct net_socket s;
	AUTO_BUF out = { 0 };

	assert_int_equal(net_parse_tcp(v4, &s), 0);
	assert_true(s.listening);
	assert_int_equal(s.inode, 12345);
	sockets_print(&s.local, s.local_len, &out);
	buf_putc(&out, ' ');
	assert_int_equal(net_parse_tcp(v6, &s), 0);
	assert_true(s.listening);
	assert_int_equal(s.inode, 777);
	sockets_print(&s.local, s.local_len, &out);
	buf_putc(&out, ' ');
	assert_int_equal(net_parse_tcp(open, &s), 0);
	assert_false(s.listening);
	sockets_print(&s.peer, s.peer_len, &out);
	assert_string_equal(buf_str(&out), "127.0.0.1:8080 [::1]:80 127.0.0.1:50000");
	assert_int_equal(net_parse_tcp("  sl  local_address rem_address   st tx_queue", &s), -EINVAL);
	assert_int_equal(net_parse_tcp("", &s), -EINVAL);
	assert_int_equal(net_parse_tcp("   0: 01000:1F90 00000000:0000 0A 0:0 0:0 0 0 0 1", &s), -EINVAL);
}

static void test_unix_lines(void **unused)
{
	struct net_socket s;
	AUTO_BUF out = { 0 };

	assert_int_equal(net_parse_unix("0000000000000000: 00000002 00000000 00010000 0001 01 555 /run/a b\n", &s), 0);
	assert_true(s.listening);
	assert_int_equal(s.inode, 555);
	sockets_print(&s.local, s.local_len, &out);
	assert_int_equal(net_parse_unix("0000000000000000: 00000002 00000000 00010000 0001 01 556 @abs\n", &s), 0);
	buf_putc(&out, ' ');
	sockets_print(&s.local, s.local_len, &out);
	assert_string_equal(buf_str(&out), "unix:/run/a b @abs");
	assert_int_equal(net_parse_unix("0000000000000000: 00000003 00000000 00000000 0001 03 557\n", &s), 0);
	assert_false(s.listening);
	assert_int_equal(s.local_len, 0);
	assert_int_equal(net_parse_unix("Num       RefCount Protocol Flags    Type St Inode Path\n", &s), -EINVAL);
}

/* ---- what comes over sockets ---- */

static void test_notify(void **unused)
{
	char all[] =
		"READY=1\nSTATUS=a=b c\nMAINPID=12\nEXTEND_TIMEOUT_USEC=5000000\nERRNO=2\nSTOPPING=1\nRELOADING=1\nBARRIER=1\n";
	char none[] =
		"READY=0\nREADY\nSTATUS\n=x\n\nMAINPID=-3\nMAINPID=\nEXTEND_TIMEOUT_USEC=99999999999999999999999\nready=1\nX=1";
	struct notify_message m;

	notify_parse(all, &m);
	assert_true(m.ready && m.stopping && m.reloading && m.barrier);
	assert_string_equal(m.status, "a=b c");
	assert_int_equal(m.main_pid, 12);
	assert_int_equal(m.extend_usec, 5000000);
	assert_int_equal(m.error, 2);
	notify_parse(none, &m);
	assert_false(m.ready || m.stopping || m.reloading || m.barrier);
	assert_null(m.status);
	assert_int_equal(m.main_pid, 0);
	assert_int_equal(m.extend_usec, 0);
}

static void test_http_status(void **unused)
{
	static const struct {
		const char *text;
		int status;
	} answers[] = {
		{ "", 0 },
		{ "H", 0 },
		{ "HTTP/1.1 20", 0 },
		{ "HTTP/1.1 200", 200 },
		{ "HTTP/1.0 404 Not Found\r\n", 404 },
		{ "HTTP/1.1 999", 999 },
		{ "HTTP/1.1 099", -EPROTO },
		{ "HTTP/1.1x200", -EPROTO },
		{ "HTTP/1.1 2x0", -EPROTO },
		{ "HTTP/2.0 200", -EPROTO },
		{ "SSH-2.0-OpenSSH", -EPROTO },
		{ "X", -EPROTO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		assert_int_equal(probe_parse_status(answers[i].text, strlen(answers[i].text)), answers[i].status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_long_paths),
		cmocka_unit_test(test_tcp_lines), cmocka_unit_test(test_unix_lines),
		cmocka_unit_test(test_notify),	  cmocka_unit_test(test_http_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
