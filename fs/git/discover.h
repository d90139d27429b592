/* `hrfs-git --discover PATH`: which repository a path is in, as one line of JSON. */
#pragma once

/* the exit status */
int discover(const char *path);
