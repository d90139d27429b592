#include "fs/intent.h"
#include "fs/die.h"
#include "fs/lower.h"
#include <errno.h>
#include <time.h>

#define NS 1000000000LL

static _Thread_local bool inherited; /* the intent of this request was begun by a dead worker */

const struct intent *intent_found(void)
{
	const struct intent *i = &lane_current()->intent;

	return request_is_resumed() && i->state != INTENT_NONE ? i : NULL;
}

struct intent *intent_begin(const struct intent *plan)
{
	struct intent *i = &lane_current()->intent;
	struct timespec now;

	inherited = intent_found() != NULL;
	if (inherited)
		return i;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	*i = *plan;
	i->begun_ns = now.tv_sec * NS + now.tv_nsec;
	__atomic_store_n(&i->state, INTENT_BEGUN, __ATOMIC_RELEASE);
	die_at(DIE_INTENT);
	return i;
}

bool intent_is_over(const struct intent *i, int *r)
{
	if (!inherited || i->state != INTENT_DONE)
		return false;
	*r = i->error;
	return true;
}

bool intent_is_doubtful(const struct intent *i)
{
	return inherited && i->state == INTENT_BEGUN;
}

void intent_done(struct intent *i, int r)
{
	i->error = r;
	__atomic_store_n(&i->state, INTENT_DONE, __ATOMIC_RELEASE);
	die_at(DIE_DONE);
}

int intent_look(int dirfd, const char *name, struct identity *is)
{
	struct stat st;

	return lower_identify(dirfd, name, is, &st);
}

bool intent_leads_to(int dirfd, const char *name, node_id node)
{
	struct identity is, want = { 0 };
	struct node *n;

	if (intent_look(dirfd, name, &is) < 0)
		return false;
	pthread_mutex_lock(&table_lock);
	n = table_node(node);
	if (n)
		want = n->is;
	pthread_mutex_unlock(&table_lock);
	return n && identity_equal(&is, &want);
}

bool intent_made(const struct intent *i, int dirfd, const char *name)
{
	struct identity is;
	struct stat st;
	int64_t born;

	if (lower_identify(dirfd, name, &is, &st) < 0)
		return false;
	born = is.birth_ns ? is.birth_ns : st.st_ctim.tv_sec * NS + st.st_ctim.tv_nsec;
	return born >= i->begun_ns;
}
