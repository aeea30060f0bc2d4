/*
 * failure.h - how the ports of this folder fill in a rove_error. Internal.
 */
#ifndef ROVE_POSIX_FAILURE_H
#define ROVE_POSIX_FAILURE_H

#include "rove/error.h"

/*
 * Sets *error (if it is not NULL) from a format and returns `status`, so that a failure is one
 * statement. Any thread.
 */
rove_status rove__posix_fail(rove_error *error, rove_status status, rove_error_domain domain,
                             int code, const char *format, ...) ROVE_PRINTF(5, 6);

/*
 * The same for a failed system call on `path`: says what failed and the system's reason, and gives
 * FULL, READONLY, NOT_FOUND, NOMEM or IO by errno's value `code`. Any thread.
 */
rove_status rove__posix_fail_errno(rove_error *error, int code, const char *what, const char *path);

#endif
