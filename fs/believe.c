#include "fs/believe.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/window_negative.h"

#define DAY_S 86400.0

double believe_for(bool sure)
{
	return sure || ops_options.sole_writer ? DAY_S : 1.0;
}

double believe_name(const struct found_name *f, bool asked_again)
{
	return believe_for(f->name_sure && !(asked_again && f->had_name && S_ISDIR(f->st.st_mode)));
}

double believe_absent(const struct found_name *f)
{
	return ops_options.sole_writer ? DAY_S : believe_for(f->name_sure && negative_has_room());
}

double believe_after_change(void)
{
	return shared->config.long_cache ? 0 : believe_for(false);
}

static void old(node_id id)
{
	if (id && (id != NODE_ROOT || notify_root_is_known()))
		notify_attributes_old(id);
}

/* Of what unlink removes the kernel sees to that by itself. */
static bool kernel_tells_answers_apart(const struct observe_op *op)
{
	return op->kind == OBSERVE_REMOVE && op->found && !S_ISDIR(op->found->st_mode);
}

void believe_changed(const struct observe_op *op)
{
	if (!shared->config.long_cache && !ops_options.sole_writer)
		return;
	old(op->dir);
	if (op->new_dir != op->dir)
		old(op->new_dir);
	if (!kernel_tells_answers_apart(op))
		old(op->node);
	if (op->new_node != op->node)
		old(op->new_node);
}
