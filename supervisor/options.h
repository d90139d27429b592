/* The command line of hrfs-supervisor; docs/architecture.md describes it. */
#pragma once
#include "core/base/buf.h"
#include "core/base/strv.h"
#include <stdbool.h>
#include <sys/types.h>

struct options {
	const char *socket, *mountpoint, *source, *cwd, *name; /* of argv */
	dev_t device;					       /* 0: not said */
	struct strv services, watch, ignore;
	bool keys, markers, detached, consent;
	bool trace, json;	     /* hrfs trace; its report as JSON */
	bool blind;		     /* what jobs read is not looked at */
	int lifeline, ready, report; /* -1: none; report: where that goes, else standard error */
	int config;		     /* what to run at first instead of hrfs.yaml; -1: none */
	char **command;		     /* NULL: hrfs.yaml, or config */
};

/* 0, -EINVAL (error has one line), -ENOMEM */
int options_parse(int argc, char **argv, struct options *out, struct buf *error);
void options_done(struct options *o);
/* the name of a command's service, made of its first word. 0 or -ENOMEM */
int options_name(const struct options *o, struct buf *out);
