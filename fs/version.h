/* What keeper and worker say of themselves; of one mount they may be of different versions. */
#pragma once
#include "hrfs-config.h"

#ifdef LAYOUT_OTHER /* core/base/layout.h */
#define FS_VERSION HRFS_VERSION "+other"
#else
#define FS_VERSION HRFS_VERSION
#endif
