#include "cli/job_probe.h"
#include "cli/capture.h"
#include "cli/say.h"
#include "core/base/exe.h"
#include <string.h>
#include <sys/xattr.h>

#define SAID_MAX 4096

static void put_mend(const char *path, struct buf *out)
{
	AUTO_BUF word = { 0 };

	if (geteuid() == 0)
		buf_puts(out, "in a container: docker run --cap-add SYS_ADMIN");
	else if (getxattr(path, "security.capability", NULL, 0) > 0)
		buf_printf(out,
			   "%s has the capability, which counts for nothing here: nosuid, no_new_privs or a container",
			   path);
	else if (say_word(&word, path) == 0)
		buf_printf(out, "sudo setcap cap_sys_admin+ep %s (./dev install does it)", word.data);
}

void job_probe(struct job_probe *out)
{
	AUTO_BUF path = { 0 };
	int r = exe_find("hrfs-job", &path);

	*out = (struct job_probe){ 0 };
	if (r == 0)
		r = capture((const char *const[]){ path.data, "--why-not", NULL }, SAID_MAX, &out->why);
	while (out->why.len && out->why.data[out->why.len - 1] == '\n')
		buf_truncate(&out->why, out->why.len - 1);
	out->marks = r == 0 && !out->why.len;
	if (r < 0) {
		buf_truncate(&out->why, 0);
		buf_printf(&out->why, "hrfs-job cannot be executed (%s); is hrfs installed whole?", buf_str(&path));
	} else if (!out->marks) {
		put_mend(path.data, &out->mend);
	}
}

void job_probe_done(struct job_probe *p)
{
	buf_done(&p->why);
	buf_done(&p->mend);
}
