#include "fs/adopt.h"
#include "fs/files.h"
#include "fs/follow.h"
#include "fs/table.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct handed {
	uint32_t message;
	int fd;
	uint64_t id;
};

static struct handed *handed;
static size_t count, size;

int adopt_later(uint32_t message, uint64_t id, int fd)
{
	if (fd < 0)
		return 0;
	if (message == CONTROL_KEEP_VICTIM && id == NODE_ROOT)
		return follow_use(fd);
	if (count == size) {
		size_t more = size ? size * 2 : 64;
		struct handed *bigger = reallocarray(handed, more, sizeof(*handed));

		if (!bigger) {
			close(fd);
			return -ENOMEM;
		}
		handed = bigger;
		size = more;
	}
	handed[count++] = (struct handed){ message, fd, id };
	return 0;
}

static void adopt_victim(const struct handed *h)
{
	struct node *n;
	int left = h->fd;

	pthread_mutex_lock(&table_lock);
	n = table_node(h->id);
	if (n && table_local(table_index(n))->victim_fd < 0) {
		table_local(table_index(n))->victim_fd = left;
		files_victim_added();
		left = -1;
	}
	pthread_mutex_unlock(&table_lock);
	if (left >= 0)
		close(left);
}

void adopt_all(void)
{
	for (size_t i = 0; i < count; i++) {
		if (handed[i].message == CONTROL_KEEP_VICTIM)
			adopt_victim(&handed[i]);
		else
			files_adopt(handed[i].id, handed[i].fd);
	}
	free(handed);
	handed = NULL;
	count = size = 0;
}
