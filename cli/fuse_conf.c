#include "cli/fuse_conf.h"
#include "core/base/buf.h"
#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#define FUSE_CONF "/etc/fuse.conf"
#define MAX_BYTES (64 * 1024)
#define MAX_LINE 254 /* fusermount3 leaves longer lines out */
#define WORD "user_allow_other"

/* The word alone on its line; '#' begins a comment anywhere, blanks at both ends do not count. */
static bool is_the_word(const char *line, size_t len)
{
	const char *comment = memchr(line, '#', len);

	if (len > MAX_LINE)
		return false;
	if (comment)
		len = (size_t)(comment - line);
	while (len && isspace((unsigned char)line[len - 1]))
		len--;
	while (len && isspace((unsigned char)*line)) {
		line++;
		len--;
	}
	return len == strlen(WORD) && memcmp(line, WORD, len) == 0;
}

bool fuse_conf_parse(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		/* a last line without its newline does not count for fusermount3 either */
		if (text[len] == '\n' && is_the_word(text, len))
			return true;
		text += len + (text[len] == '\n');
	}
	return false;
}

bool fuse_conf_allows_others(void)
{
	AUTO_FD fd = open(FUSE_CONF, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	AUTO_BUF text = { 0 };

	if (fd < 0 || buf_reserve(&text, MAX_BYTES) < 0)
		return false;
	while (text.len < MAX_BYTES) {
		ssize_t n = read(fd, text.data + text.len, MAX_BYTES - text.len);

		if (n <= 0)
			break;
		text.len += (size_t)n;
	}
	text.data[text.len] = '\0';
	return fuse_conf_parse(text.data);
}
