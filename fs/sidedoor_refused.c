#include "fs/sidedoor_refused.h"
#include "core/base/cleanup.h"
#include "fs/sidedoor_mark.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>

#define SHOWN 8

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	node_id id;
	int error;
} last[SHOWN]; /* with lock */
static size_t at;
static _Atomic uint64_t count;

static size_t place_of(node_id id)
{
	size_t i = 0;

	while (i < SHOWN && last[i].id != id)
		i++;
	return i;
}

void refused_note(node_id id, int error)
{
	size_t i;

	count++;
	pthread_mutex_lock(&lock);
	i = place_of(id);
	if (i == SHOWN)
		i = at++ % SHOWN;
	last[i].id = id;
	last[i].error = error;
	pthread_mutex_unlock(&lock);
}

void refused_over(node_id id)
{
	size_t i;

	if (!count)
		return;
	pthread_mutex_lock(&lock);
	i = place_of(id);
	if (i < SHOWN)
		last[i].id = 0;
	pthread_mutex_unlock(&lock);
}

uint64_t refused_count(void)
{
	return count;
}

static json_t *text(int error)
{
	switch (error) {
	case -ENOSPC:
		return json_sprintf("no room for more marks: raise %s", sidedoor_budget());
	case -EACCES:
		return json_string("the mount's owner may not list it");
	case -EOPNOTSUPP:
		return json_string("it lies on a network file system");
	default:
		return json_string(strerror(-error));
	}
}

json_t *refused_list(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < SHOWN; i++) {
		AUTO_BUF path = { 0 };
		node_id id;
		int error;
		json_t *o;

		pthread_mutex_lock(&lock);
		id = last[i].id;
		error = last[i].error;
		pthread_mutex_unlock(&lock);
		if (!id || node_path(id, &path) < 0)
			continue;
		o = json_pack("{s:o}", "why", text(error));
		json_set_bytes(o, "name", buf_str(&path));
		json_array_append_new(list, o);
	}
	return list;
}
