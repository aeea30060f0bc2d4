/*
 * failure.c - how the ports of this folder fill in a rove_error.
 */
#include "failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

rove_status rove__posix_fail(rove_error *error, rove_status status, rove_error_domain domain,
                             int code, const char *format, ...) {
    if (error != NULL) {
        va_list args;
        error->domain = domain;
        error->code = code;
        va_start(args, format);
        (void)vsnprintf(error->message, sizeof error->message, format, args);
        va_end(args);
    }
    return status;
}

static rove_status status_of_errno(int code) {
    switch (code) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ROVE_FULL;
    case EROFS:
    case EACCES:
    case EPERM:
        return ROVE_READONLY;
    case ENOENT:
        return ROVE_NOT_FOUND;
    case ENOMEM:
        return ROVE_NOMEM;
    default:
        return ROVE_IO;
    }
}

rove_status rove__posix_fail_errno(rove_error *error, int code, const char *what,
                                   const char *path) {
    char reason[80];
    if (strerror_r(code, reason, sizeof reason) != 0) {
        (void)snprintf(reason, sizeof reason, "system error %d", code);
    }
    return rove__posix_fail(error, status_of_errno(code), ROVE_DOMAIN_OS, code,
                            "%s failed: %s (%s)", what, reason, path);
}
