/*
 * The operations, as the kernel asks for them: each translates a request to the lower and tells the
 * observer, nothing more. Request threads only.
 */
#pragma once
#include "fs/fuse.h"
#include "fs/node.h"
#include "fs/observe.h"
#include "fs/shared.h"
#include <stdatomic.h>
#include <stdbool.h>

struct ops_options {
	atomic_bool stable_offsets; /* the root's directory offsets survive a re-open */
	bool read_only, sole_writer;
};

extern struct ops_options ops_options;
extern const struct fuse_lowlevel_ops ops_table;

/* session.c: what the serving thread works on */
struct lane *lane_current(void);
/* a dead worker has read it and may have carried out some of it */
bool request_is_resumed(void);
const struct fuse_in_header *request_header(void);
const void *request_argument(void);
/* hands the id to the notifier: the kernel is to drop pages and attributes. Any thread, never waits */
void notify_invalidate(node_id id);
/* what the kernel has asked of its attributes before now does not count, nor what it knows. Any thread, never waits for anyone */
void notify_attributes_old(node_id id);

void reply_error(fuse_req_t req, int error); /* 0 or -errno */
/* of a name that this request has made */
void reply_entry(fuse_req_t req, node_id dir, const char *name);
struct observe_op observe_of(fuse_req_t req, enum observe_kind kind);

/* ops_attr.c */
void op_getattr(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi);
void op_setattr(fuse_req_t req, fuse_ino_t id, struct stat *st, int set, struct fuse_file_info *fi);
void op_readlink(fuse_req_t req, fuse_ino_t id);
void op_statfs(fuse_req_t req, fuse_ino_t id);
/* ops_xattr.c */
void op_setxattr(fuse_req_t req, fuse_ino_t id, const char *name, const char *value, size_t size, int flags);
void op_getxattr(fuse_req_t req, fuse_ino_t id, const char *name, size_t size);
void op_listxattr(fuse_req_t req, fuse_ino_t id, size_t size);
void op_removexattr(fuse_req_t req, fuse_ino_t id, const char *name);
/* ops_data.c */
void op_read(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *fi);
void op_write(fuse_req_t req, fuse_ino_t id, const char *data, size_t size, off_t offset, struct fuse_file_info *fi);
void op_fsync(fuse_req_t req, fuse_ino_t id, int datasync, struct fuse_file_info *fi);
void op_fallocate(fuse_req_t req, fuse_ino_t id, int mode, off_t offset, off_t len, struct fuse_file_info *fi);
void op_copy_file_range(fuse_req_t req, fuse_ino_t in, off_t off_in, struct fuse_file_info *fi_in, fuse_ino_t out,
			off_t off_out, struct fuse_file_info *fi_out, size_t len, int flags);
void op_lseek(fuse_req_t req, fuse_ino_t id, off_t offset, int whence, struct fuse_file_info *fi);
/* ops_ioctl.c */
void op_ioctl(fuse_req_t req, fuse_ino_t id, unsigned cmd, void *arg, struct fuse_file_info *fi, unsigned flags,
	      const void *in, size_t in_size, size_t out_size);
/* clears setuid and setgid as the kernel asks; a root daemon's own writes would not */
int clear_set_ids(fuse_req_t req, int fd);
/* ops_dir.c */
void op_readdir(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *fi);
void op_readdirplus(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *fi);
void op_fsyncdir(fuse_req_t req, fuse_ino_t id, int datasync, struct fuse_file_info *fi);
/* ops_names.c: making names */
void op_create(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode, struct fuse_file_info *fi);
void op_mknod(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode, dev_t dev);
void op_mkdir(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode);
void op_symlink(fuse_req_t req, const char *target, fuse_ino_t dir, const char *name);
void op_link(fuse_req_t req, fuse_ino_t id, fuse_ino_t dir, const char *name);
/* ops_unname.c: removing and moving names */
void op_unlink(fuse_req_t req, fuse_ino_t dir, const char *name);
void op_rmdir(fuse_req_t req, fuse_ino_t dir, const char *name);
void op_rename(fuse_req_t req, fuse_ino_t dir, const char *name, fuse_ino_t new_dir, const char *new_name,
	       unsigned flags);
