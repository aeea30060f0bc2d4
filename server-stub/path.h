/*
 * path.h - names of files in headquarters' folder. hq_path of hq.h is here too.
 */
#ifndef ROVE_HQ_PATH_H
#define ROVE_HQ_PATH_H

#include "hq.h"

#define HQ_PATH_MAX 4096

/* "folder/name"; TOO_BIG. */
ROVE_CHECK rove_status hq_join(char path[HQ_PATH_MAX], const char *folder, const char *name,
                               rove_error *error);

#endif
