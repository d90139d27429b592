/* hrfs-git's answers over its socket. One thread, until the other end closes. */
#pragma once

/* root: absolute. The exit status */
int serve(int socket, const char *root);
