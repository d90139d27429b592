#include "fs/sidedoor_heard.h"
#include "fs/shared.h"

bool heard_since(tick_t tick)
{
	const struct worker_config *c = &shared->config;
	uint64_t losses = c->lost_count;

	return c->long_cache && (!losses || (losses == c->lost_at_whole && tick >= c->whole));
}

void heard_lost(void)
{
	shared->config.lost_count++;
}

uint64_t heard_losses(void)
{
	return shared->config.lost_count;
}

void heard_whole(uint64_t losses, tick_t begun)
{
	if (losses != heard_losses())
		return;
	shared->config.whole = begun;
	shared->config.lost_at_whole = losses;
}
