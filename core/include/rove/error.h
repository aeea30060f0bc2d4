/*
 * rove/error.h - the detail of a failure.
 *
 * A function that takes a `rove_error *` as its last argument fills it in when it fails, and leaves it
 * alone when it succeeds. NULL is always allowed. The caller owns the struct; nothing in it is
 * allocated, so there is nothing to free.
 *
 * Stability: stable. Valid C99, C11 and C++.
 */
#ifndef ROVE_ERROR_H
#define ROVE_ERROR_H

#include "rove/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ROVE_ERROR_MESSAGE_MAX 240

/* Where the code in rove_error comes from. */
typedef enum rove_error_domain {
    ROVE_DOMAIN_ROVE = 0,   /* code is a rove_status */
    ROVE_DOMAIN_SQLITE = 1, /* code is an extended SQLite result code */
    ROVE_DOMAIN_OS = 2,     /* code is an errno */
    ROVE_DOMAIN_HTTP = 3,   /* code is an HTTP status */
    ROVE_DOMAIN_TLS = 4,    /* code is the TLS or crypto library's */
    ROVE_DOMAIN_WAIT = 5    /* code is the seconds until it may be tried again */
} rove_error_domain;

typedef struct rove_error {
    rove_error_domain domain;
    int code;
    char message[ROVE_ERROR_MESSAGE_MAX]; /* NUL-terminated UTF-8: what happened and what to do */
} rove_error;

#ifdef __cplusplus
}
#endif
#endif
