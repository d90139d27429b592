/*
 * The keeper's copies of descriptors that must outlive a worker, by kind and node. The keeper's thread
 * only.
 */
#pragma once
#include <stdint.h>

/* fd is taken over; one that is there already for this node is closed */
void kept_add(uint32_t kind, uint64_t id, int fd);
void kept_remove(uint32_t kind, uint64_t id);
/* fn for each */
void kept_each(void (*fn)(uint32_t kind, uint64_t id, int fd, void *arg), void *arg);
