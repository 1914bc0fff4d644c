/* The version of libfuse's interface we are written for, said once. */
#ifndef SPOOL_FS_FUSE_H
#define SPOOL_FS_FUSE_H

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>

#endif
