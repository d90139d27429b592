/* Who goes when the machine has no memory left: a compiler can be started again, a mount cannot. */
#pragma once

/* the keeper; its workers inherit it. Where that is not permitted (without CAP_SYS_RESOURCE) nothing is changed. */
void oom_spare(void);
/* a child that is as good as any other process; between fork() and exec() */
void oom_spare_no_more(void);
