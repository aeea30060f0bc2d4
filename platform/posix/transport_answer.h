/*
 * transport_answer.h - what an HTTP answer's head means to Rove. Internal; knows no library.
 *
 * One struct, one thread. Everything in it came from the peer and is bounded.
 */
#ifndef ROVE_POSIX_TRANSPORT_ANSWER_H
#define ROVE_POSIX_TRANSPORT_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "rove/error.h"
#include "rove/status.h"

typedef struct rove__answer {
    int http_status;        /* 0 until a status line came */
    int framed;             /* it says where its body ends */
    int complete;           /* the head has ended; what follows are body and trailers */
    char media_type[64];    /* of Content-Type, without parameters; "" if absent or too long */
    char status_name[32];   /* of Rove-Status; "" likewise */
    int64_t retry_after_ms; /* of Retry-After in seconds, at most a day; 0 if absent or a date */
} rove__answer;

/* Takes one line of the head, with or without its end; a status line begins a new head. */
void rove__answer_line(rove__answer *answer, const char *line, size_t size);

/*
 * ROVE_OK if the body is what was asked for: a 200 of the media type `accept` (NULL: of any) that says
 * where it ends.
 * Otherwise the status that the head stands for, with *error filled in.
 */
ROVE_CHECK rove_status rove__answer_judge(const rove__answer *answer, const char *accept,
                                          rove_error *error);

#endif
