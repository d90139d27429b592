/* What `hrfs run` was asked for, in which tree, and how that is said to the supervisor. One thread. */
#pragma once
#include "core/base/strv.h"
#include "core/client.h"

struct run_request {
	const char *source, *at, *cmd, *name;
	struct strv options, watch, ignore, services;
	bool keys, markers, blind;
	bool trace, json; /* hrfs trace, and its report as JSON */
	int report;	  /* of a trace: the report's descriptor, -1: standard error */
	char **command; /* NULL: what hrfs.yaml says */
	char *words[2]; /* --cmd as a command */
};

struct run_tree {
	struct buf cwd;		      /* where one stands; may be below the mount by then */
	struct buf root;	      /* the tree's */
	struct client_mount existing; /* one that is used; mountpoint NULL: one is to be made */
	int config;		      /* what was derived, as a file; -1: hrfs.yaml, or a command, says it */
};

void run_request_done(struct run_request *q);
void run_tree_done(struct run_tree *t);
/* CLI_OK or the exit code: the error has been said. What was derived has been shown */
int run_tree_find(struct run_tree *t, const struct run_request *q);
/* the supervisor's options: working directory, services, patterns ... CLI_OK or the exit code */
int run_tree_words(const struct run_tree *t, const struct run_request *q, struct strv *argv);
